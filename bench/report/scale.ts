// From values to places on an axis, and the values at which the axis is marked.

import type { Axis, ScaleKind, Unit } from './blocks.ts';
import { byteCount, duration, shortNumber } from './numbers.ts';

export interface Scale {
  /** 0 at the low end, 1 at the high end. */
  at(value: number): number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

const MAX_LINEAR_TICKS = 6;
const NINES = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999];

/** @param values what has to fit; those that the kind of scale cannot show are ignored */
export function scaleOf({ scale: kind, unit }: Axis, values: readonly number[]): Scale {
  const moved = values.map((value) => forward(kind, value)).filter(Number.isFinite);
  let low = moved.length > 0 ? Math.min(...moved) : 0;
  let high = moved.length > 0 ? Math.max(...moved) : 1;
  if (kind === 'linear') low = Math.min(0, low);
  if (kind === 'log') [low, high] = [Math.floor(low + 1e-9), Math.ceil(high - 1e-9)];
  if (kind === 'nines') low = 0;
  if (high <= low) high = low + 1;
  const tickValues = kind === 'linear' ? linearTicks(low, high) : kind === 'log' ? decades(low, high) : NINES;
  if (kind === 'linear') high = Math.max(high, tickValues.at(-1) ?? high);
  const at = (value: number): number => (forward(kind, value) - low) / (high - low);
  return {
    at,
    ticks: tickValues
      .filter((value) => at(value) >= -1e-9 && at(value) <= 1 + 1e-9)
      .map((value) => ({ value, label: valueText(value, unit) })),
  };
}

export function valueText(value: number, unit: Unit): string {
  if (unit === 'ms') return duration(value);
  if (unit === 'bytes') return byteCount(value);
  if (unit === 'percent') return `${Number((value * 100).toPrecision(6))} %`;
  return shortNumber(value);
}

function forward(kind: ScaleKind, value: number): number {
  if (kind === 'log') return value > 0 ? Math.log10(value) : Number.NaN;
  if (kind === 'nines') return value < 1 ? -Math.log10(1 - value) : Number.NaN;
  return value;
}

function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / (MAX_LINEAR_TICKS - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough) ?? rough;
  const ticks: number[] = [];
  for (let n = Math.ceil(low / step - 1e-9); ; n++) {
    ticks.push(n * step);
    if (n * step >= high - 1e-9) return ticks;
  }
}

/** Every power of ten; with 2 and 5 between when there are few. */
function decades(low: number, high: number): number[] {
  const between = high - low <= 2 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil((high - low) / 8));
  const ticks: number[] = [];
  for (let power = low; power <= high; power += every) ticks.push(...between.map((times) => times * 10 ** power));
  return ticks;
}
