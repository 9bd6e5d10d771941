// A topic and its events, for the tests of the ingest doors.

import { readFileSync } from 'node:fs';
import type { CatalogTopic } from '../../../schemas/coordination.ts';

const SMALL_SCHEMA = {
  type: 'record',
  name: 'E',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'host', type: 'string' },
    { name: 'value', type: 'double', default: 0 },
  ],
};

export const aTopic = (changes: Partial<CatalogTopic> = {}): CatalogTopic => ({
  topicId: 1,
  tenant: 'default',
  name: 't',
  kafkaTopic: 'default.t',
  deadLetterTopic: 'default.dead-letter',
  partitions: 2,
  schemaId: 7,
  batchSchemaId: 8,
  schema: JSON.stringify(SMALL_SCHEMA),
  ...changes,
});

export const MONITORING_EVENT: string = readFileSync('schemas/avro/events/MonitoringEvent.avsc', 'utf8');

export const aMonitoringTopic = (): CatalogTopic => aTopic({ schema: MONITORING_EVENT });

export const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
