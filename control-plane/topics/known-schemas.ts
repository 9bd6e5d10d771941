// The project's own Avro schemas that the control plane registers: events by default, and dead letters.

import { readFile } from 'node:fs/promises';
import type { SchemaJson } from './batch-schema.ts';

export interface KnownSchemas {
  /** Schema of a topic that is created without one. */
  readonly monitoringEvent: SchemaJson;
  /** JSON text. */
  readonly deadLetter: string;
}

export async function readKnownSchemas(): Promise<KnownSchemas> {
  const read = (name: string): Promise<string> =>
    readFile(new URL(`../../schemas/avro/events/${name}.avsc`, import.meta.url), 'utf8');
  const [monitoringEvent, deadLetter] = await Promise.all([read('MonitoringEvent'), read('DeadLetter')]);
  return { monitoringEvent: JSON.parse(monitoringEvent), deadLetter: JSON.stringify(JSON.parse(deadLetter)) };
}
