// What a source hands in: one fact about this machine or its services, before it becomes an event. Pure data; the
// timestamp, the id and the host are added in one place (event.ts), so that sources stay a few lines each.

import type { Severity } from './severity.ts';

export type SampleKind = 'METRIC' | 'ALERT' | 'HEALTH' | 'CHANGE';

export interface Sample {
  readonly kind: SampleKind;
  /** What was measured: cpu.usage, memory.used, service.health … */
  readonly name: string;
  /** Whom it is about: `host`, a process name or a service of the stack. */
  readonly service: string;
  readonly value: number | null;
  /** UCUM-like: %, By, By/s, ms, 1. */
  readonly unit: string;
  readonly severity: Severity;
  readonly labels: Readonly<Record<string, string>>;
  readonly message: string | null;
}

/** The service name of everything that concerns the machine as a whole. */
export const HOST_SERVICE = 'host';

/** A metric of the machine; its severity follows from the thresholds later (severity.ts). */
export function metric(
  name: string,
  value: number,
  unit: string,
  labels: Readonly<Record<string, string>> = {},
  service = HOST_SERVICE,
): Sample {
  return { kind: 'METRIC', name, service, value, unit, severity: 'INFO', labels, message: null };
}

/** Equal for samples of the same thing at different times. */
export function seriesOf(sample: Sample): string {
  const labels = Object.entries(sample.labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([sample.service, sample.name, labels]);
}
