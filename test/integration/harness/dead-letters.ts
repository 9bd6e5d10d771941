// Reads a tenant's dead-letter topic with nothing but node-rdkafka and avsc.

import { readFileSync } from 'node:fs';
import avro from 'avsc';
import kafka from 'node-rdkafka';

interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
  readonly message: string;
  readonly value: Buffer | null;
  readonly index: number | null;
  readonly subscription: string | null;
  readonly subscriptionName: string | null;
  readonly shard: number | null;
  readonly attempts: number | null;
  readonly consumer: string | null;
  /** Of the dead letter's own record. */
  readonly recordKey: Buffer | null;
}

const CONFLUENT_HEADER_BYTES = 5;
const type = avro.Type.forSchema(
  JSON.parse(readFileSync(new URL('../../../schemas/avro/events/DeadLetter.avsc', import.meta.url), 'utf8')),
);

interface DeadLetterReader {
  /** All dead letters of this Kafka topic so far. */
  readonly letters: DeadLetter[];
  readonly close: () => Promise<void>;
}

export async function readDeadLetters(
  brokers: string,
  deadLetterTopic: string,
  ofTopic: string,
): Promise<DeadLetterReader> {
  const consumer = new kafka.KafkaConsumer({ 'metadata.broker.list': brokers, 'group.id': `reader-of-${ofTopic}` }, {});
  await new Promise<void>((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve())));
  const letters: DeadLetter[] = [];
  consumer.on('data', ({ key, value }) => {
    const body = (value ?? Buffer.alloc(0)).subarray(CONFLUENT_HEADER_BYTES);
    // All files of a run share the tenant's dead-letter topic, and some write older versions or garbage into it.
    if (topicOf(body) !== ofTopic) return;
    const recordKey = typeof key === 'string' ? Buffer.from(key) : (key ?? null);
    letters.push({ ...type.fromBuffer(body), recordKey });
  });
  consumer.assign([{ topic: deadLetterTopic, partition: 0, offset: 0 }]);
  consumer.consume();
  return { letters, close: () => new Promise((resolve) => consumer.disconnect(() => resolve())) };
}

const firstField = avro.Type.forSchema('string');

/** The topic is the first field in every version. */
function topicOf(body: Buffer): unknown {
  const { value, offset } = firstField.decode(body, 0);
  return offset < 0 ? null : value;
}
