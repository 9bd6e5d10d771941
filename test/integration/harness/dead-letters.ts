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
    const decoded = type.fromBuffer((value ?? Buffer.alloc(0)).subarray(CONFLUENT_HEADER_BYTES));
    const letter: DeadLetter = { ...decoded, recordKey: typeof key === 'string' ? Buffer.from(key) : (key ?? null) };
    if (letter.topic === ofTopic) letters.push(letter);
  });
  consumer.assign([{ topic: deadLetterTopic, partition: 0, offset: 0 }]);
  consumer.consume();
  return { letters, close: () => new Promise((resolve) => consumer.disconnect(() => resolve())) };
}
