// Places in a topic as people write them: earliest, latest, a time, a time ago, or a resume token.

import type { StartPosition } from '../../schemas/api/subscription.ts';
import { durationMs } from './duration.ts';

/** For the help of options that take one. */
export const POSITION_HELP = 'earliest, latest, a time (2026-01-31T12:00:00Z), a time ago (15m) or a resume token';

const TIME = /^\d{4}-\d{2}-\d{2}([T ]|$)/;

/** @param nowMs ms since 1970, for times ago */
export function startPosition(text: string, nowMs: number = Date.now()): StartPosition {
  if (text === 'earliest' || text === 'latest') return text;
  const agoMs = durationMs(text);
  if (agoMs !== null) return { time: new Date(nowMs - agoMs).toISOString() };
  if (!TIME.test(text)) return { token: text };
  const timeMs = Date.parse(text);
  return { time: Number.isFinite(timeMs) ? new Date(timeMs).toISOString() : text }; // the service says what is wrong
}

/** A time, or a time ago, as an RFC 3339 time. */
export function pointInTime(text: string, nowMs: number = Date.now()): string {
  const agoMs = durationMs(text);
  if (agoMs !== null) return new Date(nowMs - agoMs).toISOString();
  const timeMs = Date.parse(text);
  return Number.isFinite(timeMs) ? new Date(timeMs).toISOString() : text;
}
