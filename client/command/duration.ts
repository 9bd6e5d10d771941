// Lengths of time as people write them: 90s, 15m, 12h, 7d.

import { InvalidArgumentError } from 'commander';

const UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const;

/** @returns null when it is not such a time */
export function durationMs(text: string): number | null {
  const [, amount, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (amount === undefined || (unit !== 's' && unit !== 'm' && unit !== 'h' && unit !== 'd')) return null;
  return Number(amount) * UNITS_MS[unit];
}

/** In the largest unit that needs no fraction. */
export function formatDuration(ms: number): string {
  for (const [unit, unitMs] of Object.entries(UNITS_MS))
    if (ms >= unitMs && ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  return `${ms}ms`;
}

/** For options. @returns ms */
export function durationArgument(text: string): number {
  const ms = durationMs(text);
  if (ms === null) throw new InvalidArgumentError('write a time such as 90s, 15m, 12h or 7d.');
  return ms;
}
