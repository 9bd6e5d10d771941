// Times and durations as requests write them.

import { MdsError } from '../../schemas/errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^([1-9]\d{0,6})([smhd])$/;
/** RFC 3339; a time without a zone would mean something else on each machine. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i;

/** @throws MdsError `MDS_REQUEST_INVALID` */
export function durationMs(text: string, name: string): number {
  const [, count, unit = ''] = DURATION.exec(text) ?? [];
  const ms = UNIT_MS[unit];
  if (ms === undefined) throw invalid(`${name} must be a duration such as 10s, 5m, 1h or 1d`);
  return Number(count) * ms;
}

/** @param text RFC 3339, or a duration after a minus: before now @throws MdsError `MDS_REQUEST_INVALID` */
export function timeMs(text: string, name: string, nowMs: number): number {
  if (text.startsWith('-')) return nowMs - durationMs(text.slice(1), name);
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw invalid(`${name} must be an RFC 3339 time, or how long ago, such as -15m`);
  return ms;
}

/** RFC 3339 with microseconds. */
export function microsText(micros: number): string {
  const ms = Math.floor(micros / 1000);
  return new Date(ms).toISOString().replace('Z', `${String(micros - ms * 1000).padStart(3, '0')}Z`);
}

const invalid = (problem: string): MdsError => new MdsError('MDS_REQUEST_INVALID', { problems: [problem] });
