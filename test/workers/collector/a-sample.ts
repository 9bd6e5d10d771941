// Builders for the collector's tests.

import { metric, type Sample } from '../../../workers/collector/sample.ts';
import { judged } from '../../../workers/collector/severity.ts';

export const aSample = (changes: Partial<Sample> = {}): Sample => ({
  ...metric('cpu.usage', 10, '%', { core: 'all' }),
  ...changes,
});

/** A reading of the whole CPU, judged. */
export const aCpuReading = (value: number, core = 'all'): Sample => judged(metric('cpu.usage', value, '%', { core }));
