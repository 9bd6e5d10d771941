// Dead letters as records of a tenant's dead-letter topic: what stream workers write and the control plane reads.

import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { CONFLUENT_HEADER_BYTES, encodeConfluent } from '../schemas/confluent-wire.ts';

export interface DeadLetterRecord {
  /** Kafka topic the record came from. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** A code of the MDS_ list. */
  readonly reason: string;
  readonly message: string;
  /** ms since 1970, as `rejectedAt`. */
  readonly recordTimestamp: number;
  readonly rejectedAt: number;
  readonly key: Uint8Array | null;
  /** The original bytes; null: they are not there any more, or too many. */
  readonly value: Uint8Array | null;
  /** Those below are null for a record that nobody could get. */
  readonly index: number | null;
  readonly subscription: string | null;
  readonly subscriptionName: string | null;
  readonly shard: number | null;
  readonly attempts: number | null;
  readonly consumer: string | null;
}

export const DEAD_LETTER_SCHEMA = readFileSync(
  new URL('../schemas/avro/events/DeadLetter.avsc', import.meta.url),
  'utf8',
);
const TYPE = avsc.Type.forSchema(JSON.parse(DEAD_LETTER_SCHEMA));

/** @param schemaId of DEAD_LETTER_SCHEMA */
export const encodeDeadLetter = (schemaId: number, letter: DeadLetterRecord): Uint8Array =>
  encodeConfluent(schemaId, TYPE.toBuffer({ ...letter, key: asBuffer(letter.key), value: asBuffer(letter.value) }));

/**
 * @param writerSchema Avro JSON of the version it was written with
 * @returns what reads records of that version
 * @throws Error when the schema, or later a record, is no dead letter
 */
export function deadLetterReader(writerSchema: string): (record: Uint8Array) => DeadLetterRecord {
  const writer = avsc.Type.forSchema(JSON.parse(writerSchema));
  const resolver = TYPE.createResolver(writer);
  return (record) => {
    const body = Buffer.from(record.buffer, record.byteOffset, record.byteLength).subarray(CONFLUENT_HEADER_BYTES);
    return { ...TYPE.fromBuffer(body, resolver) };
  };
}

const asBuffer = (bytes: Uint8Array | null): Buffer | null =>
  bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
