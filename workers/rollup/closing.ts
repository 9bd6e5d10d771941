// When a minute takes no more events: once an event came whose time is later than the minute's end by the allowed lateness.
// A partition that nothing comes through any more closes what it has after a while by the clock.

import { MINUTE_MICROS } from '../../schemas/rollup/series-block.ts';
import type { TimeBounds } from './partition-delta.ts';
import type { PartitionState } from './rollup-store.ts';

/** 10 min: longer than producers hold back events while Kafka is away. */
export const IDLE_MS = 600_000;
/** Clocks of hosts differ; an event further in the future has a wrong time. */
const MAX_AHEAD_MS = 300_000;

/**
 * @param newestMicros of the partition's events, 0 when there were none
 * @returns minutes up to this one may be closed; never one behind the last that has events
 */
export function closableTo(newestMicros: number, latenessMs: number, idleMs: number): number {
  const newestMinute = Math.floor(newestMicros / MINUTE_MICROS);
  if (idleMs >= IDLE_MS) return newestMinute;
  return Math.floor((newestMicros - latenessMs * 1000) / MINUTE_MICROS) - 1;
}

export function timeBounds({ closedMinute }: PartitionState, nowMs: number, keptMs: number): TimeBounds {
  return { closedMinute, oldestMicros: (nowMs - keptMs) * 1000, newestMicros: (nowMs + MAX_AHEAD_MS) * 1000 };
}
