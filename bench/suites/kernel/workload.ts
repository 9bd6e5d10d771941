// What the kernel suite measures: for each kind of filter, `channelCount` distinct filters and a stream of MonitoringEvents
// of which each matches `matchesPerEvent` of them on average. Pure: event n is a function of n.
//
//   keys   0 … channelCount-1 ┊ … keyCount-1      an event draws one key; keys without a channel match nothing
//          └── one channel each (or several, when an event is to match more than one)

import { randomBelow, randomFraction } from './random.ts';

export const FILTER_KINDS = ['equality', 'range', 'prefix', 'labels', 'mixed', 'residual'] as const;
export type FilterKind = (typeof FILTER_KINDS)[number];

/** A MonitoringEvent as avsc encodes it. */
export interface BenchEvent {
  readonly id: string;
  readonly tenant: string;
  readonly service: string;
  readonly host: string;
  readonly kind: string;
  readonly name: string;
  readonly severity: string;
  readonly value: number | null;
  readonly unit: string;
  readonly timestamp: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly message: string | null;
  readonly traceId: string | null;
}

export interface KernelWorkload {
  /** @returns the filter of channel `i`, different from that of every other channel */
  filter(i: number): string;
  event(sequence: number): BenchEvent;
  /** Where the hash-lookup reference files channel `i`. */
  channelKeys(i: number): readonly string[];
  /** Where it looks for the channels of an event. */
  eventKeys(event: BenchEvent): readonly string[];
}

export interface WorkloadShape {
  readonly kind: FilterKind;
  readonly channelCount: number;
  readonly matchesPerEvent: number;
}

/** What one kind of filter asks, and how a hash lookup would serve it. */
interface KindOfFilter {
  /** Share of the events of a channel's key that its filter lets through. */
  readonly passing: number;
  /** @param variant 0, 1, 2 …: filters of one key, all different */
  filter(key: number, variant: number): string;
  channelKeys(key: number): readonly string[];
  eventKeys(event: BenchEvent): readonly string[];
}

const keyText = (key: number): string => key.toString().padStart(7, '0');
const hostOf = (key: number): string => `r${keyText(key)}-node-alpha-eu`;
const podOf = (key: number): string => `pod-${keyText(key)}`;
const serviceOf = (key: number): string => `svc-${keyText(key)}`;
const teamOf = (key: number): string => `team-${keyText(key)}`;
const PREFIX_CHARS = hostOf(0).indexOf('-') + 1;

/** `field == value`, made different for each variant by a value that no event has. */
const equals = (field: string, value: string, variant: number): string =>
  variant === 0 ? `${field} == "${value}"` : `${field} in ["${value}", "gone-${variant}"]`;

const ALERTING_SHARE = 0.25; // of SEVERITY_SHARES, from WARNING up
const VALUED_SHARE = 0.9;
const MAX_VALUE = 1_000_000;
const CODES = 10;

const KINDS: Readonly<Record<Exclude<FilterKind, 'range'>, KindOfFilter>> = {
  equality: {
    passing: 1,
    filter: (key, variant) => equals('host', hostOf(key), variant),
    channelKeys: (key) => [hostOf(key)],
    eventKeys: ({ host }) => [host],
  },
  prefix: {
    passing: 1,
    filter(key, variant) {
      const host = hostOf(key);
      if (PREFIX_CHARS + variant > host.length) throw new RangeError(`no prefix filter number ${variant} for one key`);
      return `host.startsWith("${host.slice(0, PREFIX_CHARS + variant)}")`;
    },
    channelKeys: (key) => [hostOf(key).slice(0, PREFIX_CHARS)],
    eventKeys: ({ host }) => [host.slice(0, PREFIX_CHARS)],
  },
  labels: {
    passing: 1,
    filter: (key, variant) => equals('labels["pod"]', podOf(key), variant),
    channelKeys: (key) => [podOf(key)],
    eventKeys: ({ labels }) => [labels.pod ?? ''],
  },
  mixed: {
    passing: ALERTING_SHARE + VALUED_SHARE / 2,
    filter: (key, variant) =>
      `(service == "${serviceOf(key)}" && severity >= WARNING) || ` +
      `(labels["team"] == "${teamOf(key)}" && value > ${MAX_VALUE / 2 + variant}.0)`,
    channelKeys: (key) => [serviceOf(key), teamOf(key)],
    eventKeys: ({ service, labels }) => [service, labels.team ?? ''],
  },
  residual: {
    passing: 1 / CODES,
    filter(key, variant) {
      const code = `message.contains("code=${(key + variant) % CODES}")`;
      const other = Math.floor(variant / CODES);
      const text = other === 0 ? code : `(${code} || message.contains("gone-${other}"))`;
      return `service == "${serviceOf(key)}" && ${text}`;
    },
    channelKeys: (key) => [serviceOf(key)],
    eventKeys: ({ service }) => [service],
  },
};

export function kernelWorkload({ kind, channelCount, matchesPerEvent }: WorkloadShape): KernelWorkload {
  if (kind === 'range') return rangeWorkload(channelCount, matchesPerEvent);
  const ofKind = KINDS[kind];
  const keyCount = Math.max(1, Math.round((channelCount * ofKind.passing) / matchesPerEvent));
  return {
    filter: (i) => ofKind.filter(i % keyCount, Math.floor(i / keyCount)),
    event: (sequence) => eventOf(sequence, keyCount),
    channelKeys: (i) => ofKind.channelKeys(i % keyCount),
    eventKeys: ofKind.eventKeys,
  };
}

/** Channel i wants the values from i steps up; the ranges overlap when an event is to match more than one. */
function rangeWorkload(channelCount: number, matchesPerEvent: number): KernelWorkload {
  const step = MAX_VALUE / channelCount;
  const width = (step * matchesPerEvent) / VALUED_SHARE;
  const fromOf = (i: number): number => i * step;
  const bucketOf = (value: number): number => Math.floor(value / step);
  return {
    filter: (i) => `value >= ${decimal(fromOf(i))} && value < ${decimal(fromOf(i) + width)}`,
    event: (sequence) => eventOf(sequence, FIELD_VALUES),
    channelKeys(i) {
      // a bucket more at each end: the filter's own bounds are rounded
      const first = bucketOf(fromOf(i)) - 1;
      const count = bucketOf(fromOf(i) + width) + 1 - first;
      return Array.from({ length: count + 1 }, (_, n) => String(first + n));
    },
    eventKeys: ({ value }) => (value === null ? [] : [String(bucketOf(value))]),
  };
}

const decimal = (value: number): string => value.toFixed(3);

/** Distinct hosts, services, pods and teams of events whose filters do not read them. */
const FIELD_VALUES = 5_000;
const START_US = 1_767_225_600_000_000;
const NAMES = ['cpu.usage', 'memory.used', 'http.latency', 'disk.free', 'queue.depth'] as const;
const REGIONS = ['eu-central-1', 'eu-west-1', 'us-east-1', 'ap-south-1'] as const;
const KIND_SHARES = [
  ['METRIC', 0.6],
  ['ALERT', 0.1],
  ['LOG', 0.1], // without a value
  ['HEALTH', 0.15],
  ['CHANGE', 0.05],
] as const;
const SEVERITY_SHARES = [
  ['DEBUG', 0.1],
  ['INFO', 0.5],
  ['NOTICE', 0.15],
  ['WARNING', 0.15],
  ['ERROR', 0.08],
  ['CRITICAL', 0.02],
] as const;

/** 150 to 200 bytes of Avro. */
function eventOf(n: number, keyCount: number): BenchEvent {
  const kind = drawn(KIND_SHARES, randomFraction(n, 1));
  return {
    id: `ev-${n.toString(36).padStart(9, '0')}`,
    tenant: 'acme',
    service: serviceOf(randomBelow(n, 2, keyCount)),
    host: hostOf(randomBelow(n, 3, keyCount)),
    kind,
    name: NAMES[randomBelow(n, 4, NAMES.length)] ?? NAMES[0],
    severity: drawn(SEVERITY_SHARES, randomFraction(n, 5)),
    value: kind === 'LOG' ? null : randomFraction(n, 6) * MAX_VALUE,
    unit: 'ms',
    timestamp: START_US + n * 137,
    labels: {
      region: REGIONS[randomBelow(n, 7, REGIONS.length)] ?? REGIONS[0],
      team: teamOf(randomBelow(n, 8, keyCount)),
      pod: podOf(randomBelow(n, 9, keyCount)),
    },
    message: `GET /v1/orders took ${randomBelow(n, 10, 1000)} ms code=${randomBelow(n, 11, CODES)}`,
    traceId: null,
  };
}

function drawn(shares: readonly (readonly [string, number])[], fraction: number): string {
  let sum = 0;
  for (const [value, share] of shares) {
    sum += share;
    if (fraction < sum) return value;
  }
  return shares[0]?.[0] ?? '';
}
