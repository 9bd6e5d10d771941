// From samples to events as the topic's Avro schema has them, and to the bytes of Kafka records.

import avro from 'avsc';
import { encodeConfluent } from '../../schemas/confluent-wire.ts';
import type { Sample } from './sample.ts';

export interface HostEvent extends Omit<Sample, 'labels'> {
  readonly id: string;
  readonly tenant: string;
  readonly host: string;
  /** Microseconds since 1970. */
  readonly timestamp: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly traceId: null;
}

/** What every event of this process has in common; `run` tells apart the runs of one host. */
export interface EventOrigin {
  readonly tenant: string;
  readonly host: string;
  readonly run: string;
}

/** @param sequence one more for each event of the process: with `run` it makes the id unique */
export function eventOf(sample: Sample, origin: EventOrigin, sequence: number, nowMs: number): HostEvent {
  return {
    id: `${origin.host}-${origin.run}-${sequence}`,
    tenant: origin.tenant,
    host: origin.host,
    timestamp: Math.round(nowMs * 1000),
    traceId: null,
    ...sample,
  };
}

interface TopicSchema {
  readonly schemaId: number;
  readonly batchSchemaId: number;
  /** Avro JSON of the topic's latest event schema. */
  readonly schema: unknown;
}

export interface EventEncoder {
  single(event: HostEvent): Uint8Array;
  batch(events: readonly HostEvent[]): Uint8Array;
}

/**
 * Encodes with the topic's own schema as the control plane gave it, so that a schema that has gained fields since this
 * program was written still fits: avsc fills in their defaults.
 */
export function eventEncoder(topic: TopicSchema): EventEncoder {
  const type = avro.Type.forSchema(asSchema(topic.schema));
  const batchType = avro.Type.forSchema({
    type: 'record',
    name: 'CollectedBatch',
    fields: [{ name: 'events', type: { type: 'array', items: type } }],
  });
  return {
    single: (event) => encodeConfluent(topic.schemaId, type.toBuffer(event)),
    batch: (events) => encodeConfluent(topic.batchSchemaId, batchType.toBuffer({ events })),
  };
}

// avsc checks the schema itself and throws what is wrong with it
const asSchema = (schema: unknown): avro.Schema => schema as avro.Schema;
