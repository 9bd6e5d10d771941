// Every event that stands in a topic, read with node-rdkafka and avsc alone: single events and batch records, in the order of
// each partition.

import avro from 'avsc';
import type { TopicInfo } from './rest-client.ts';
import { readTopic } from './topic-records.ts';

export interface StoredEvent<E> {
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
  readonly key: string | null;
  readonly event: E;
}

const HEADER_BYTES = 5;

export async function readEvents<E>(brokers: string, topic: TopicInfo): Promise<StoredEvent<E>[]> {
  const type = avro.Type.forSchema(topic.schema as avro.Schema); // avsc checks it
  const events = { type: 'array', items: type } as const;
  const batch = avro.Type.forSchema({ type: 'record', name: 'B', fields: [{ name: 'events', type: events }] });
  const { records } = await readTopic(brokers, topic);
  const stored = records.flatMap(({ partition, offset, key, value }) => {
    const body = value.subarray(HEADER_BYTES);
    const isBatch = value.readUInt32BE(1) === topic.batchSchemaId;
    const read: E[] = isBatch ? batch.fromBuffer(body).events : [type.fromBuffer(body)];
    return read.map((event, index) => ({ partition, offset, index, key: key === null ? null : String(key), event }));
  });
  return stored.sort((a, b) => a.partition - b.partition || a.offset - b.offset || a.index - b.index);
}
