// What every process of the simulation gets besides its real parts: a log that goes into the trace, health and metrics
// that nobody asks.

import type { Health } from '../../../platform/health.ts';
import type { Logger } from '../../../platform/log.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import type { Simulator } from '../engine/simulator.ts';

export function traceLogger(simulator: Simulator, name: string): Logger {
  const write = (level: string) => (fields: unknown, text?: string) =>
    simulator.note(`${level} ${text ?? ''} ${textOf(fields)}`.trim(), name);
  // What is caught and only mentioned may be a command that the played Redis lacks.
  const debug = (fields: unknown): void => {
    if (textOf(fields).includes('is not a function')) simulator.fail(`${name}: ${textOf(fields)}`);
  };
  return { debug, info: write(''), warn: write('WARN'), error: write('ERROR') } as unknown as Logger;
}

function textOf(fields: unknown): string {
  if (typeof fields !== 'object' || fields === null) return String(fields);
  const parts = Object.entries(fields).map(([name, value]) =>
    value instanceof Error ? `${name}: ${reasonOf(value)}` : `${name}: ${JSON.stringify(value)}`,
  );
  return parts.join(', ');
}

export const quietHealth = { setReady: () => {} } as unknown as Health;

/** A metric, or a method that counts something. */
const quietMetric = Object.assign(() => {}, {
  inc: () => {},
  set: () => {},
  observe: () => {},
  startTimer: () => () => {},
});

/** Stands for any set of metrics. */
export const quietMetrics = <Set extends object>(): Set => new Proxy({}, { get: () => quietMetric }) as Set;
