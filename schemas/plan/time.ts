// Timestamps and durations of filters: nanoseconds in a bigint, with CEL's ranges. A timestamp is a point in UTC.

const NS_PER_SECOND = 1_000_000_000n;
const NS_PER_MILLISECOND = 1_000_000n;
/** CEL's timestamps are those of the years 1 to 9999, its durations those of a 64-bit count of nanoseconds. */
const MIN_TIMESTAMP_NS = -62_135_596_800n * NS_PER_SECOND;
const MAX_TIMESTAMP_NS = 253_402_300_800n * NS_PER_SECOND - 1n;
const MAX_DURATION_NS = 2n ** 63n - 1n;
const MIN_DURATION_NS = -(2n ** 63n);

export const isTimestampNs = (ns: bigint): boolean => ns >= MIN_TIMESTAMP_NS && ns <= MAX_TIMESTAMP_NS;
export const isDurationNs = (ns: bigint): boolean => ns >= MIN_DURATION_NS && ns <= MAX_DURATION_NS;

const TIMESTAMP = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/** RFC 3339, e.g. 2026-01-31T12:00:00.5Z; undefined when `text` is not a timestamp. */
export function parseTimestamp(text: string): bigint | undefined {
  const [, date, time, fraction = '', zone = 'Z'] = TIMESTAMP.exec(text) ?? [];
  if (date === undefined || time === undefined) return undefined;
  const local = Date.parse(`${date}T${time}Z`);
  // Date rolls 31 February over into March; such a date is a mistake.
  if (Number.isNaN(local) || new Date(local).toISOString().slice(0, 19) !== `${date}T${time}`) return undefined;
  const offset = offsetMs(zone);
  if (offset === undefined) return undefined;
  const ns = BigInt(local - offset) * NS_PER_MILLISECOND + BigInt(fraction.padEnd(9, '0'));
  return isTimestampNs(ns) ? ns : undefined;
}

function offsetMs(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'UTC') return 0;
  const [, sign, hours, minutes] = /^([+-]?)(\d\d):(\d\d)$/.exec(zone) ?? [];
  if (hours === undefined || minutes === undefined || Number(hours) > 23 || Number(minutes) > 59) return undefined;
  return (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
}

const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: NS_PER_MILLISECOND,
  s: NS_PER_SECOND,
  m: 60n * NS_PER_SECOND,
  h: 3600n * NS_PER_SECOND,
};
const DURATION = /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/;
const DURATION_PART = /(\d*)\.?(\d*)(ns|us|µs|ms|s|m|h)/g;
/** Longer than any duration that fits 64 bits of nanoseconds and makes sense. */
const MAX_DURATION_CHARACTERS = 128;

/** CEL's form, e.g. 1h30m, -1.5s, 300ms; undefined when `text` is not a duration. */
export function parseDuration(text: string): bigint | undefined {
  if (text.length > MAX_DURATION_CHARACTERS || !DURATION.test(text)) return undefined;
  let ns = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(DURATION_PART)) {
    const factor = UNIT_NS[unit] ?? 0n;
    ns += BigInt(whole) * factor + (BigInt(fraction) * factor) / 10n ** BigInt(fraction.length);
  }
  if (text.startsWith('-')) ns = -ns;
  return isDurationNs(ns) ? ns : undefined;
}

export const secondsOf = (ns: bigint): bigint => floorDivide(ns, NS_PER_SECOND);

const floorDivide = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b;

type Getter = (date: Date) => number;
const MS_PER_DAY = 86_400_000;

/** CEL's getters on a timestamp; months, days of week, month and year count from 0, getDate from 1. */
const TIMESTAMP_GETTERS: ReadonlyMap<string, Getter> = new Map([
  ['getFullYear', (date) => date.getUTCFullYear()],
  ['getMonth', (date) => date.getUTCMonth()],
  ['getDate', (date) => date.getUTCDate()],
  ['getDayOfMonth', (date) => date.getUTCDate() - 1],
  ['getDayOfWeek', (date) => date.getUTCDay()],
  ['getDayOfYear', dayOfYear],
  ['getHours', (date) => date.getUTCHours()],
  ['getMinutes', (date) => date.getUTCMinutes()],
  ['getSeconds', (date) => date.getUTCSeconds()],
  ['getMilliseconds', (date) => date.getUTCMilliseconds()],
]);

function dayOfYear(date: Date): number {
  const start = new Date(0);
  start.setUTCFullYear(date.getUTCFullYear());
  return Math.floor((date.getTime() - start.getTime()) / MS_PER_DAY);
}

/** CEL's getters on a duration; getMilliseconds is the part below a second. */
const DURATION_GETTERS: ReadonlyMap<string, (ns: bigint) => bigint> = new Map([
  ['getHours', (ns) => ns / (3600n * NS_PER_SECOND)],
  ['getMinutes', (ns) => ns / (60n * NS_PER_SECOND)],
  ['getSeconds', (ns) => ns / NS_PER_SECOND],
  ['getMilliseconds', (ns) => (ns % NS_PER_SECOND) / NS_PER_MILLISECOND],
]);

export const timestampGetter = (name: string): Getter | undefined => TIMESTAMP_GETTERS.get(name);
export const durationGetter = (name: string): ((ns: bigint) => bigint) | undefined => DURATION_GETTERS.get(name);
export const TIMESTAMP_GETTER_NAMES: readonly string[] = [...TIMESTAMP_GETTERS.keys()];

/**
 * A function that gives the wall clock of `zone` as if it were UTC, for the getters.
 *
 * @param zone UTC, an offset such as +02:00, or an IANA name such as Europe/Berlin
 * @returns undefined when there is no such zone
 */
export function wallClockOf(zone: string): ((ns: bigint) => Date) | undefined {
  const offset = offsetMs(zone);
  const millis = (ns: bigint): number => Number(floorDivide(ns, NS_PER_MILLISECOND));
  if (offset !== undefined) return (ns) => new Date(millis(ns) + offset);
  const format = zoneFormat(zone);
  if (format === undefined) return undefined;
  return (ns) => {
    const parts = new Map(format.formatToParts(millis(ns)).map(({ type, value }) => [type, Number(value)]));
    const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0;
    const date = new Date(0);
    date.setUTCFullYear(part('year'), part('month') - 1, part('day'));
    date.setUTCHours(part('hour'), part('minute'), part('second'), ((millis(ns) % 1000) + 1000) % 1000);
    return date;
  };
}

function zoneFormat(zone: string): Intl.DateTimeFormat | undefined {
  const two = '2-digit';
  try {
    return new Intl.DateTimeFormat('en-US', {
      ...{ hourCycle: 'h23', timeZone: zone, year: 'numeric', month: two, day: two },
      ...{ hour: two, minute: two, second: two },
    });
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}
