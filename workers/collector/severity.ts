// From a number to how bad it is. The thresholds are the ones operators usually page on; a reading is judged alone, and
// alert-watch.ts decides when it has lasted long enough to tell somebody.

import type { Sample } from './sample.ts';

const SEVERITIES = ['DEBUG', 'INFO', 'NOTICE', 'WARNING', 'ERROR', 'CRITICAL'] as const;
export type Severity = (typeof SEVERITIES)[number];

const severityRank = (severity: Severity): number => SEVERITIES.indexOf(severity);
export const isAtLeast = (severity: Severity, least: Severity): boolean =>
  severityRank(severity) >= severityRank(least);

interface Threshold {
  readonly from: number;
  readonly severity: Severity;
}

/** Highest first; below the lowest a reading is INFO. */
const THRESHOLDS: Readonly<Record<string, readonly Threshold[]>> = {
  // one busy core is normal, so cpu.usage is judged for the machine and per core alike, and alerts need it to last
  'cpu.usage': [
    { from: 98, severity: 'ERROR' },
    { from: 90, severity: 'WARNING' },
    { from: 75, severity: 'NOTICE' },
  ],
  // per core: 1 means every core has exactly one runnable task
  'load.per_core': [
    { from: 4, severity: 'ERROR' },
    { from: 2, severity: 'WARNING' },
    { from: 1, severity: 'NOTICE' },
  ],
  // without what the page cache could give back: at 95 % the out-of-memory killer is near
  'memory.usage': [
    { from: 95, severity: 'CRITICAL' },
    { from: 90, severity: 'ERROR' },
    { from: 80, severity: 'WARNING' },
  ],
  'swap.usage': [
    { from: 80, severity: 'ERROR' },
    { from: 50, severity: 'WARNING' },
  ],
  // file systems reserve some percent for root: at 98 % writes begin to fail
  'disk.usage': [
    { from: 98, severity: 'CRITICAL' },
    { from: 90, severity: 'ERROR' },
    { from: 80, severity: 'WARNING' },
  ],
};

/** The severity of a reading, INFO where the metric has no thresholds. */
export function severityOf(name: string, value: number): Severity {
  return THRESHOLDS[name]?.find((threshold) => value >= threshold.from)?.severity ?? 'INFO';
}

/** The sample with its severity filled in from its value. */
export function judged(sample: Sample): Sample {
  if (sample.kind !== 'METRIC' || sample.value === null) return sample;
  const severity = severityOf(sample.name, sample.value);
  return severity === sample.severity ? sample : { ...sample, severity };
}
