// Windows of an aggregation: equal, next to each other, beginning at multiples of their length since 1970 (UTC).

import { MdsError } from '../../../schemas/errors.ts';

const SECOND_MS = 1000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Of what the windows are put together. */
export type Level = 'second' | 'minute' | 'hour';

export interface Windows {
  readonly windowMs: number;
  /** Inclusive; a multiple of the window. */
  readonly fromMs: number;
  /** Exclusive; a multiple of the window. */
  readonly toMs: number;
  readonly level: Level;
}

/** A window of one series is a row at least: more of them are no answer that anybody reads. */
const MAX_WINDOWS = 11_000;

/** Milliseconds of one bucket: one load from the store. A bucket of seconds has the seconds of a minute. */
export const bucketMs = (level: Level): number => (level === 'hour' ? HOUR_MS : MINUTE_MS);

/** @param fromMs to be covered, with @param toMs; windows may begin earlier and end later */
export function windowsOf(windowMs: number, fromMs: number, toMs: number): Windows {
  const level = levelOf(windowMs);
  const from = Math.floor(fromMs / windowMs) * windowMs;
  const to = Math.ceil(toMs / windowMs) * windowMs;
  if (to <= from) throw invalid(`from must be before to`);
  if ((to - from) / windowMs > MAX_WINDOWS) {
    throw invalid(`the range has ${(to - from) / windowMs} windows, the limit is ${MAX_WINDOWS}: take longer windows`);
  }
  return { windowMs, fromMs: from, toMs: to, level };
}

function levelOf(windowMs: number): Level {
  const isWhole = windowMs >= SECOND_MS && windowMs <= DAY_MS && windowMs % SECOND_MS === 0;
  if (isWhole && windowMs % HOUR_MS === 0) return 'hour';
  if (isWhole && windowMs % MINUTE_MS === 0) return 'minute';
  if (isWhole && MINUTE_MS % windowMs === 0) return 'second';
  throw invalid('the window must be from 1s to 1d, and a divisor or a multiple of a minute');
}

/** Numbers of the buckets (minutes or hours since 1970) that the windows need. */
export function bucketsOf({ fromMs, toMs, level }: Windows): number[] {
  const ms = bucketMs(level);
  const first = Math.floor(fromMs / ms);
  return Array.from({ length: Math.ceil(toMs / ms) - first }, (_, i) => first + i);
}

const invalid = (problem: string): MdsError => new MdsError('MDS_REQUEST_INVALID', { problems: [problem] });
