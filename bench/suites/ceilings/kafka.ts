// Ceiling of the worker's intake: how fast node-rdkafka hands over the same batch records, and for how much CPU.

import kafka from 'node-rdkafka';
import { createAdmin } from '../../../platform/kafka-admin.ts';
import type { Logger } from '../../../platform/log.ts';
import { eventRecords } from '../kernel/event-records.ts';
import { type Spread, spreadOf } from '../kernel/spread.ts';
import { kernelWorkload } from '../kernel/workload.ts';
import type { KafkaConsumerSetting } from './kafka-consumer-part.ts';
import { Part } from './part.ts';

export interface KafkaCeiling {
  readonly recordEvents: number;
  readonly recordBytes: number;
  readonly eventsPerSecond: Spread;
  readonly megabytesPerSecond: Spread;
  /** Of the consuming process, librdkafka's threads included. */
  readonly cpuSecondsPerMillionEvents: Spread;
}

const PARTITIONS = 4;
/** As the firehose suite makes them. */
const RECORD_EVENTS = 500;
const DISTINCT_RECORDS = 40;

/** @param megabytes of records to produce first; they are read `repetitions` times */
export async function measureKafka(
  brokers: string,
  log: Logger,
  { megabytes, repetitions }: { readonly megabytes: number; readonly repetitions: number },
): Promise<KafkaCeiling> {
  const workload = kernelWorkload({ kind: 'equality', channelCount: 1000, matchesPerEvent: 0.1 });
  const values = eventRecords(workload.event, DISTINCT_RECORDS, RECORD_EVENTS).map(({ value }) => Buffer.from(value));
  const recordBytes = values.reduce((sum, { length }) => sum + length, 0) / values.length;
  const records = Math.ceil((megabytes * 1e6) / recordBytes);
  const topic = `bench-ceiling-${process.pid}`;
  const admin = await createAdmin({ brokers, name: 'bench-ceiling', log });
  await admin.createTopic({ topic, partitions: PARTITIONS, config: { 'max.message.bytes': String(8 << 20) } });
  try {
    await produce(brokers, topic, values, records);
    const setting: KafkaConsumerSetting = {
      brokers,
      topic,
      partitions: PARTITIONS,
      records,
      repetitions: repetitions + 1,
    };
    const runs = await consumed(setting);
    const events = records * RECORD_EVENTS;
    return {
      recordEvents: RECORD_EVENTS,
      recordBytes,
      eventsPerSecond: spreadOf(runs.map(({ elapsedMs }) => (events / elapsedMs) * 1e3)),
      megabytesPerSecond: spreadOf(runs.map(({ bytes, elapsedMs }) => bytes / elapsedMs / 1e3)),
      cpuSecondsPerMillionEvents: spreadOf(runs.map(({ cpuMs }) => (cpuMs / events) * 1e3)),
    };
  } finally {
    await admin.deleteTopic(topic);
    await admin.disconnect();
  }
}

async function consumed(setting: KafkaConsumerSetting) {
  const part = new Part(new URL('kafka-consumer-part.ts', import.meta.url), setting);
  try {
    const runs = [];
    for (let i = 0; i < setting.repetitions; i++) {
      const { bytes, elapsedMs, cpuMs } = await part.answer('consumed');
      runs.push({ bytes: Number(bytes), elapsedMs: Number(elapsedMs), cpuMs: Number(cpuMs) });
    }
    return runs.slice(1); // the first one warms the broker's page cache and the consumer up
  } finally {
    await part.end();
  }
}

async function produce(brokers: string, topic: string, values: readonly Buffer[], records: number): Promise<void> {
  const producer = new kafka.Producer({
    'metadata.broker.list': brokers,
    'linger.ms': 2,
    'message.max.bytes': 8 << 20,
    'queue.buffering.max.messages': 100_000,
    'queue.buffering.max.kbytes': 256 << 10,
    dr_cb: true,
  });
  await new Promise<void>((resolve, reject) => {
    producer.connect({}, (error) => (error ? reject(error) : resolve()));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let [sent, acknowledged] = [0, 0];
  const sendMore = (): void => {
    while (sent < records && sent - acknowledged < MAX_IN_FLIGHT) {
      producer.produce(topic, sent % PARTITIONS, values[sent % values.length] ?? null);
      sent++;
    }
  };
  producer.on('delivery-report', (error) => {
    if (error) reject(error);
    acknowledged++;
    if (acknowledged === records) resolve();
    sendMore();
  });
  producer.setPollInterval(5);
  sendMore();
  await promise;
  await new Promise<void>((done) => producer.disconnect(() => done()));
}

/** 90 MB of batch records: below the producer's queue. */
const MAX_IN_FLIGHT = 1000;
