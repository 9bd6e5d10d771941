// What really stands in a topic, read with nothing but node-rdkafka and avsc: the truth a run is settled against. Producers
// alone would not do: a record whose acknowledgement was lost with a broker may be there all the same.

import avro from 'avsc';
import kafka from 'node-rdkafka';
import type { Measurement } from '../../integration/harness/measurement.ts';
import type { ProducedEvent } from '../../integration/harness/producer.ts';
import type { TopicInfo } from '../../integration/harness/rest-client.ts';
import { until } from '../../integration/harness/until.ts';

const TIMEOUT_MS = 30_000;
const QUERY_TIMEOUT_MS = 5000;
const HEADER_BYTES = 5;
const SCHEMA_ID_AT = 1;

export interface KafkaLog {
  readonly events: readonly ProducedEvent<Measurement>[];
  /** First offset that still exists, per partition. */
  readonly low: readonly number[];
}

/** Every event of the topic from its first offset to its present end. */
export async function readKafkaLog(brokers: string, topic: TopicInfo): Promise<KafkaLog> {
  const consumer = new kafka.KafkaConsumer(
    { 'metadata.broker.list': brokers, 'group.id': `truth-of-${topic.kafkaTopic}`, 'enable.auto.commit': false },
    { 'auto.offset.reset': 'earliest' },
  );
  await new Promise<void>((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve())));
  try {
    return await readToEnd(consumer, topic);
  } finally {
    await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  }
}

async function readToEnd(consumer: kafka.KafkaConsumer, topic: TopicInfo): Promise<KafkaLog> {
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition);
  const ranges = await Promise.all(partitions.map((partition) => rangeOf(consumer, topic.kafkaTopic, partition)));
  const decode = decoderOf(topic);
  const events: ProducedEvent<Measurement>[] = [];
  const next = ranges.map(({ lowOffset }) => lowOffset);
  consumer.on('data', ({ partition, offset, value }) => {
    if (offset >= (ranges[partition]?.highOffset ?? 0)) return;
    for (const [index, event] of decode(value ?? Buffer.alloc(0)).entries()) {
      events.push({ partition, offset, index, event });
    }
    next[partition] = offset + 1;
  });
  consumer.assign(
    partitions.map((partition) => ({
      topic: topic.kafkaTopic,
      partition,
      offset: ranges[partition]?.lowOffset ?? 0,
    })),
  );
  consumer.consume();
  await until(
    `the whole of ${topic.kafkaTopic} to be read`,
    TIMEOUT_MS,
    () => ranges.every(({ highOffset }, partition) => (next[partition] ?? 0) >= highOffset),
    () => ({ next, ranges }),
  );
  return { events, low: ranges.map(({ lowOffset }) => lowOffset) };
}

const rangeOf = (consumer: kafka.KafkaConsumer, topic: string, partition: number): Promise<kafka.WatermarkOffsets> =>
  until(`the offsets of ${topic}/${partition}`, TIMEOUT_MS, () => {
    return new Promise<kafka.WatermarkOffsets>((resolve, reject) => {
      consumer.queryWatermarkOffsets(topic, partition, QUERY_TIMEOUT_MS, (error, offsets) =>
        error ? reject(error) : resolve(offsets),
      );
    });
  });

function decoderOf({ schema, batchSchemaId }: TopicInfo): (value: Buffer) => readonly Measurement[] {
  const type = avro.Type.forSchema(schema as avro.Schema); // avsc checks it
  const batch = avro.Type.forSchema({
    type: 'record',
    name: 'TestBatch',
    fields: [{ name: 'events', type: { type: 'array', items: type } }],
  });
  return (value) => {
    const body = value.subarray(HEADER_BYTES);
    return value.readUInt32BE(SCHEMA_ID_AT) === batchSchemaId ? batch.fromBuffer(body).events : [type.fromBuffer(body)];
  };
}
