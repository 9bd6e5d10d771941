// All records that stand in a topic, read with nothing but node-rdkafka. By single polls: a consumer whose polls go on by
// themselves now and then never comes back from disconnecting.

import kafka from 'node-rdkafka';
import { until } from './until.ts';

const TIMEOUT_MS = 30_000;
const QUERY_TIMEOUT_MS = 5000;
const POLL_RECORDS = 1000;

export interface TopicRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer;
}

export interface TopicRecords {
  /** In order of offsets in each partition. */
  readonly records: readonly TopicRecord[];
  /** First offset that still exists, per partition. */
  readonly low: readonly number[];
}

interface ReadOptions {
  readonly kafkaTopic: string;
  readonly partitions: number;
  /** Leaves out what transactions did not commit; waits for those that are open. */
  readonly committedOnly?: boolean;
}

/** Every record from the first offset to the present end. */
export async function readTopic(brokers: string, options: ReadOptions): Promise<TopicRecords> {
  const consumer = new kafka.KafkaConsumer(
    {
      'metadata.broker.list': brokers,
      'group.id': `reader-of-${options.kafkaTopic}`,
      'enable.auto.commit': false,
      'enable.partition.eof': true,
      'isolation.level': options.committedOnly === true ? 'read_committed' : 'read_uncommitted',
    },
    { 'auto.offset.reset': 'earliest' },
  );
  await new Promise<void>((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve())));
  try {
    return await readToEnd(consumer, options);
  } finally {
    await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  }
}

async function readToEnd(
  consumer: kafka.KafkaConsumer,
  { kafkaTopic: topic, partitions: count }: ReadOptions,
): Promise<TopicRecords> {
  const partitions = Array.from({ length: count }, (_, partition) => partition);
  const ranges = await Promise.all(partitions.map((partition) => rangeOf(consumer, topic, partition)));
  const records: TopicRecord[] = [];
  const next = ranges.map(({ lowOffset }) => lowOffset);
  const reach = (partition: number, offset: number): void => {
    next[partition] = Math.max(next[partition] ?? 0, offset);
  };
  // the last offsets may belong to no record; told before the records of the same poll
  consumer.on('partition.eof', ({ partition, offset }) => reach(partition, offset));
  consumer.assign(partitions.map((partition) => ({ topic, partition, offset: ranges[partition]?.lowOffset ?? 0 })));
  await until(
    `the whole of ${topic} to be read`,
    TIMEOUT_MS,
    async () => {
      for (const { partition, offset, key, value } of await poll(consumer)) {
        reach(partition, offset + 1);
        if (offset >= (ranges[partition]?.highOffset ?? 0)) continue;
        const keyBytes = key === null || key === undefined ? null : Buffer.from(key);
        records.push({ partition, offset, key: keyBytes, value: value ?? Buffer.alloc(0) });
      }
      return ranges.every(({ highOffset }, partition) => (next[partition] ?? 0) >= highOffset);
    },
    () => ({ next, ranges }),
  );
  return { records, low: ranges.map(({ lowOffset }) => lowOffset) };
}

const poll = (consumer: kafka.KafkaConsumer): Promise<readonly kafka.Message[]> =>
  new Promise((resolve, reject) =>
    consumer.consume(POLL_RECORDS, (error, messages) => (error ? reject(error) : resolve(messages))),
  );

const rangeOf = (consumer: kafka.KafkaConsumer, topic: string, partition: number): Promise<kafka.WatermarkOffsets> =>
  until(`the offsets of ${topic}/${partition}`, TIMEOUT_MS, () => {
    return new Promise<kafka.WatermarkOffsets>((resolve, reject) => {
      consumer.queryWatermarkOffsets(topic, partition, QUERY_TIMEOUT_MS, (error, offsets) =>
        error ? reject(error) : resolve(offsets),
      );
    });
  });
