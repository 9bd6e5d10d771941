// Every cut and every turned bit of one monitoring event, alone or as the last of a batch.

import { readFileSync } from 'node:fs';
import { parseAvroSchema } from '../../../../schemas/avro/parse.ts';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import type { KernelCase } from './kernel-case.ts';
import { avroBytes } from './wire-writer.ts';

const schemaIn = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../../schemas/avro/events/${file}`, import.meta.url), 'utf8'));
const EVENT = schemaIn('MonitoringEvent.avsc');
/** Self-contained, as a registry gives it with its references resolved. */
const BATCH = {
  type: 'record',
  name: 'mds.events.MonitoringEventBatch',
  'mds.batch': 'events',
  fields: [{ name: 'events', type: { type: 'array', items: EVENT } }],
};

export const aMonitoringEvent = (changes: object = {}): object => ({
  ...{
    id: 'e-1',
    tenant: 't',
    service: 'api',
    host: 'h1',
    kind: 'METRIC',
    name: 'cpu',
    severity: 'ERROR',
    value: 93.5,
  },
  ...{
    unit: '%',
    timestamp: 1_767_225_600_000_000,
    labels: { region: 'eu-1', rack: 'r"7' },
    message: 'é',
    traceId: null,
  },
  ...changes,
});

/** A good record stands before and behind the damaged ones. */
export function everyDamageOf(event: object, form: 'single' | 'batch'): KernelCase {
  const schema = form === 'single' ? EVENT : BATCH;
  const value = form === 'single' ? event : { events: [event, event] };
  const body = avroBytes(parseAvroSchema(schema), value);
  const damaged = [body];
  for (let at = 0; at < body.length; at++) {
    damaged.push(body.subarray(0, at));
    for (let bit = 0; bit < 8; bit++) {
      const copy = Buffer.from(body);
      copy[at] = (copy[at] ?? 0) ^ (1 << bit);
      damaged.push(copy);
    }
  }
  damaged.push(body);
  const formats = ['json', 'avro'] as const;
  return {
    envelopeBytes: 100_000,
    topics: [{ topicId: 7, schema: EVENT }],
    writers: [{ schemaId: 1, schema }],
    partitions: [{ slot: 0, topicId: 7 }],
    plans: formats.map((format) => ({ topicId: 7, request: { format } })),
    steps: [
      {
        changes: formats.map((_, plan) => ({ kind: 'add', lane: 'edge-a', plan })),
        records: damaged.map((bytes) => ({
          slot: 0,
          hole: 0,
          value: Buffer.from(encodeConfluent(1, bytes)).toString('hex'),
        })),
        outputBytes: 100_000,
        watermark: false,
      },
    ],
  };
}
