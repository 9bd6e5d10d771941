// Everything that stands in a topic, read with node-rdkafka and avsc alone: single events and batch records, in the order of
// each partition.

import avro from 'avsc';
import kafka from 'node-rdkafka';
import type { TopicInfo } from './rest-client.ts';
import { until } from './until.ts';

export interface StoredEvent<E> {
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
  readonly key: string | null;
  readonly event: E;
}

const HEADER_BYTES = 5;
const READ_TIMEOUT_MS = 20_000;
const POLL_RECORDS = 1000;

export async function readTopic<E>(brokers: string, topic: TopicInfo): Promise<StoredEvent<E>[]> {
  const consumer = new kafka.KafkaConsumer(
    { 'metadata.broker.list': brokers, 'group.id': `reader-of-${topic.kafkaTopic}`, 'enable.partition.eof': true },
    {},
  );
  await new Promise<void>((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve())));
  const type = avro.Type.forSchema(topic.schema as avro.Schema); // avsc checks it
  const events = { type: 'array', items: type } as const;
  const batch = avro.Type.forSchema({ type: 'record', name: 'B', fields: [{ name: 'events', type: events }] });
  const stored: StoredEvent<E>[] = [];
  try {
    const left = new Set<number>();
    const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition);
    const ends = await Promise.all(partitions.map((partition) => endOf(consumer, topic.kafkaTopic, partition)));
    for (const partition of partitions) if ((ends[partition] ?? 0) > 0) left.add(partition);
    consumer.assign([...left].map((partition) => ({ topic: topic.kafkaTopic, partition, offset: 0 })));
    await until('all of the topic to be read', READ_TIMEOUT_MS, async () => {
      if (left.size === 0) return true;
      for (const { value, partition, offset, key } of await consumed(consumer)) {
        if (offset + 1 >= (ends[partition] ?? 0)) left.delete(partition);
        if (offset >= (ends[partition] ?? 0)) continue; // written meanwhile
        const bytes = value ?? Buffer.alloc(0);
        const body = bytes.subarray(HEADER_BYTES);
        const isBatch = bytes.readUInt32BE(1) === topic.batchSchemaId;
        const read: E[] = isBatch ? batch.fromBuffer(body).events : [type.fromBuffer(body)];
        const keyText = key === null || key === undefined ? null : String(key);
        for (const [index, event] of read.entries()) stored.push({ partition, offset, index, key: keyText, event });
      }
      return left.size === 0;
    });
  } finally {
    await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  }
  return stored.sort((a, b) => a.partition - b.partition || a.offset - b.offset || a.index - b.index);
}

function endOf(consumer: kafka.KafkaConsumer, topic: string, partition: number): Promise<number> {
  return new Promise((resolve, reject) => {
    consumer.queryWatermarkOffsets(topic, partition, READ_TIMEOUT_MS, (error, { highOffset }) =>
      error ? reject(error) : resolve(highOffset),
    );
  });
}

function consumed(consumer: kafka.KafkaConsumer): Promise<kafka.Message[]> {
  return new Promise((resolve, reject) => {
    consumer.consume(POLL_RECORDS, (error, messages) => (error ? reject(error) : resolve(messages)));
  });
}
