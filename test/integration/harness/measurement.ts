// A topic schema with every kind of Avro field, events for it, and filters over each of them, every one next to a plain
// predicate that says the same in JavaScript. The predicates are the model: they share no code with the product.

import { randomInteger } from './random.ts';

const LEVELS = ['LOW', 'MIDDLE', 'HIGH', 'TOP'] as const;
const UNITS = ['ms', 'By', '%', '1'] as const;
const REGIONS = ['eu-west', 'eu-north', 'us-east', 'ap-south'] as const;

export interface Measurement {
  readonly id: string;
  readonly sequence: number;
  readonly active: boolean;
  readonly count: number;
  readonly total: number;
  readonly ratio: number;
  readonly amount: number;
  readonly unit: string;
  readonly level: (typeof LEVELS)[number];
  readonly value: number | null;
  readonly note: string | null;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly place: { readonly zone: string; readonly rack: number };
  /** Microseconds since 1970. */
  readonly at: number;
}

export const MEASUREMENT_SCHEMA = {
  type: 'record',
  name: 'Measurement',
  namespace: 'test.events',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'sequence', type: 'long' },
    { name: 'active', type: 'boolean' },
    { name: 'count', type: 'int' },
    { name: 'total', type: 'long' },
    { name: 'ratio', type: 'float' },
    { name: 'amount', type: 'double' },
    { name: 'unit', type: 'string' },
    { name: 'level', type: { type: 'enum', name: 'Level', symbols: [...LEVELS] } },
    { name: 'value', type: ['null', 'double'], default: null },
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'tags', type: { type: 'array', items: 'string' }, default: [] },
    { name: 'labels', type: { type: 'map', values: 'string' }, default: {} },
    {
      name: 'place',
      type: {
        type: 'record',
        name: 'Place',
        fields: [
          { name: 'zone', type: 'string' },
          { name: 'rack', type: 'int' },
        ],
      },
    },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
  ],
} as const;

/** 2026-01-01T00:00:00Z */
const START_MICROS = 1_767_225_600_000_000;

/** The event number `sequence` of a run: always the same for the same seed. */
export function aMeasurement(sequence: number, seed = 1): Measurement {
  const pick = (salt: number, below: number): number => randomInteger(sequence, seed * 100 + salt, below);
  const region = REGIONS[pick(1, 4)] ?? 'eu-west';
  return {
    id: `m${seed}-${sequence}`,
    sequence,
    active: pick(2, 2) === 1,
    count: pick(3, 1000) - 500,
    total: pick(4, 1000) * 10_000_000_000, // far above 2^32
    ratio: pick(5, 1000) / 8, // exact in a 32-bit float
    amount: pick(6, 100_000) / 100,
    unit: UNITS[pick(7, 4)] ?? 'ms',
    level: LEVELS[pick(8, 4)] ?? 'LOW',
    value: pick(9, 4) === 0 ? null : pick(10, 10_000) / 100,
    note: pick(11, 3) === 0 ? `note ${pick(12, 100)} — “ü”` : null,
    tags: Array.from({ length: pick(13, 4) }, (_, at) => `tag-${pick(14 + at, 10)}`),
    labels: pick(20, 5) === 0 ? {} : { region, host: `host-${pick(21, 200)}` },
    place: { zone: `${region}-${pick(22, 3)}`, rack: pick(23, 40) },
    at: START_MICROS + sequence * 1000,
  };
}

export interface ModelledFilter {
  readonly cel: string;
  readonly matches: (event: Measurement) => boolean;
  /** Projection; absent: the whole event. */
  readonly fields?: readonly (keyof Measurement)[];
}

const LATE_MICROS = START_MICROS + 50_000 * 1000;
const rank = (level: Measurement['level']): number => LEVELS.indexOf(level);

/** Distinct filters, at least one over each type of field. */
export const FILTERS: readonly ModelledFilter[] = [
  { cel: '', matches: () => true, fields: ['sequence'] },
  { cel: 'id == "m1-77777"', matches: (e) => e.id === 'm1-77777' },
  { cel: 'sequence < 1000', matches: (e) => e.sequence < 1000 },
  { cel: 'sequence % 97 == 0', matches: (e) => e.sequence % 97 === 0 },
  { cel: 'active && count == 7', matches: (e) => e.active && e.count === 7 },
  { cel: '!active && count < -490', matches: (e) => !e.active && e.count < -490 },
  { cel: 'count in [1, 2, 3, 5, 8, 13]', matches: (e) => [1, 2, 3, 5, 8, 13].includes(e.count) },
  { cel: 'count >= 100 && count <= 105', matches: (e) => e.count >= 100 && e.count <= 105 },
  { cel: 'total > 9950000000000', matches: (e) => e.total > 9_950_000_000_000 },
  { cel: 'total == 5000000000000', matches: (e) => e.total === 5_000_000_000_000 },
  { cel: 'ratio > 124.5', matches: (e) => e.ratio > 124.5 },
  { cel: 'ratio == 0.125', matches: (e) => e.ratio === 0.125 },
  { cel: 'amount < 2.5', matches: (e) => e.amount < 2.5 },
  { cel: 'amount > 999.0 || amount < 1.0', matches: (e) => e.amount > 999 || e.amount < 1 },
  {
    cel: 'unit == "By" && level == TOP',
    matches: (e) => e.unit === 'By' && e.level === 'TOP',
    fields: ['id', 'level'],
  },
  { cel: 'unit != "ms" && count == 0', matches: (e) => e.unit !== 'ms' && e.count === 0 },
  { cel: 'unit in ["%", "1"] && count == -1', matches: (e) => ['%', '1'].includes(e.unit) && e.count === -1 },
  { cel: 'level >= HIGH && count > 480', matches: (e) => rank(e.level) >= 2 && e.count > 480 },
  { cel: 'level < MIDDLE && count > 490', matches: (e) => rank(e.level) < 1 && e.count > 490 },
  { cel: 'level in [LOW, TOP] && count == 33', matches: (e) => ['LOW', 'TOP'].includes(e.level) && e.count === 33 },
  { cel: 'value != null && value > 99.5', matches: (e) => e.value !== null && e.value > 99.5 },
  { cel: 'value == null && count == 42', matches: (e) => e.value === null && e.count === 42 },
  { cel: 'has(value) && value < 0.5', matches: (e) => e.value !== null && e.value < 0.5 },
  { cel: 'note != null && note.contains("77")', matches: (e) => e.note?.includes('77') ?? false },
  { cel: 'note != null && note.endsWith("1 — “ü”")', matches: (e) => e.note?.endsWith('1 — “ü”') ?? false },
  { cel: 'note == null && count == 43', matches: (e) => e.note === null && e.count === 43 },
  { cel: '"tag-3" in tags && count > 470', matches: (e) => e.tags.includes('tag-3') && e.count > 470 },
  { cel: 'size(tags) == 3 && count > 480', matches: (e) => e.tags.length === 3 && e.count > 480 },
  {
    cel: 'tags.exists(tag, tag == "tag-9") && count < -470',
    matches: (e) => e.tags.includes('tag-9') && e.count < -470,
  },
  { cel: 'labels["host"] == "host-17"', matches: (e) => e.labels.host === 'host-17' },
  {
    cel: 'labels.region.startsWith("eu-") && count == 9',
    matches: (e) => /^eu-/.test(e.labels.region ?? '') && e.count === 9,
  },
  {
    cel: 'labels["host"].matches("^host-1[0-9]$") && active',
    matches: (e) => /^host-1\d$/.test(e.labels.host ?? '') && e.active,
  },
  { cel: '"region" in labels && count == 10', matches: (e) => 'region' in e.labels && e.count === 10 },
  { cel: '!("region" in labels) && count == 11', matches: (e) => !('region' in e.labels) && e.count === 11 },
  { cel: 'place.zone == "us-east-2" && count == 12', matches: (e) => e.place.zone === 'us-east-2' && e.count === 12 },
  { cel: 'place.rack >= 38 && count > 450', matches: (e) => e.place.rack >= 38 && e.count > 450 },
  {
    cel: 'at > timestamp("2026-01-01T00:00:50Z") && count == 14',
    matches: (e) => e.at > LATE_MICROS && e.count === 14,
    fields: ['id', 'count'],
  },
  { cel: 'count * 2 + 1 == 201', matches: (e) => e.count * 2 + 1 === 201 },
  { cel: '(active ? count : -count) == 77', matches: (e) => (e.active ? e.count : -e.count) === 77 },
  { cel: 'count == 500000', matches: () => false },
];

/** Pairs that mean the same and should share a channel, written differently. */
export const SAME_MEANING: readonly (readonly [ModelledFilter, ModelledFilter])[] = [
  [
    { cel: 'active && count == 7', matches: (e) => e.active && e.count === 7 },
    { cel: 'count == 7 && active', matches: (e) => e.active && e.count === 7 },
  ],
  [
    { cel: 'count in [3, 1, 2]', matches: (e) => [1, 2, 3].includes(e.count) },
    { cel: 'count in [1, 2, 3]', matches: (e) => [1, 2, 3].includes(e.count) },
  ],
  [
    { cel: '!(!active) && count == 8', matches: (e) => e.active && e.count === 8 },
    { cel: 'count == 8 && active', matches: (e) => e.active && e.count === 8 },
  ],
];

/** What a subscriber with this filter sees of an event. */
export function viewOf(filter: ModelledFilter, event: Measurement): Readonly<Record<string, unknown>> {
  const { fields } = filter;
  return fields === undefined ? { ...event } : Object.fromEntries(fields.map((field) => [field, event[field]]));
}
