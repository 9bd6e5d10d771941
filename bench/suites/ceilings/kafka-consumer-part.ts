// Part: consumes a topic from the start to its end with node-rdkafka alone, as fast as it can, again and again.

import kafka from 'node-rdkafka';
import { cpuMsSince, partSetting, runPart, tell } from './part.ts';

export interface KafkaConsumerSetting {
  readonly brokers: string;
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
  readonly repetitions: number;
}

/** 5.6 MB of batch records. Asking for more than the prefetch holds would wait for a timeout each time. */
const POLL_RECORDS = 64;

void runPart(async () => {
  const setting = partSetting<KafkaConsumerSetting>();
  const consumer = new kafka.KafkaConsumer(
    {
      'metadata.broker.list': setting.brokers,
      'group.id': 'bench-ceiling',
      'enable.auto.commit': false,
      'enable.partition.eof': true,
      'fetch.wait.max.ms': 20,
      'fetch.message.max.bytes': 4 << 20,
      'queued.max.messages.kbytes': 32 << 10,
      'fetch.queue.backoff.ms': 10, // its default, 1 s, halves the rate: the queue is full all the time
    },
    { 'auto.offset.reset': 'earliest' },
  );
  await new Promise<void>((resolve, reject) => {
    consumer.connect({}, (error) => (error ? reject(error) : resolve()));
  });
  consumer.setDefaultConsumeTimeout(50);
  for (let i = 0; i < setting.repetitions; i++) tell({ kind: 'consumed', ...(await consumeAll(consumer, setting)) });
  consumer.disconnect();
});

async function consumeAll(consumer: kafka.KafkaConsumer, { topic, partitions, records }: KafkaConsumerSetting) {
  consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })));
  let [seen, bytes] = [0, 0];
  let first: { readonly ms: number; readonly cpu: NodeJS.CpuUsage } | null = null;
  while (seen < records) {
    const messages = await consume(consumer);
    first ??= messages.length > 0 ? { ms: performance.now(), cpu: process.cpuUsage() } : null;
    seen += messages.length;
    for (const { value } of messages) bytes += value?.length ?? 0;
  }
  const answer = {
    bytes,
    elapsedMs: performance.now() - (first?.ms ?? 0),
    cpuMs: cpuMsSince(first?.cpu ?? process.cpuUsage()),
  };
  consumer.unassign();
  return answer;
}

function consume(consumer: kafka.KafkaConsumer): Promise<kafka.Message[]> {
  return new Promise((resolve, reject) => {
    consumer.consume(POLL_RECORDS, (error, messages) => (error ? reject(error) : resolve(messages)));
  });
}
