// A figure that was measured once: its spread is not known.

import type { Figure } from './result.ts';

export const figureOnce = (
  id: string,
  label: string,
  unit: string,
  better: Figure['better'],
  value: number,
): Figure => ({ id, label, unit, better, value, low: value, high: value });
