// Part: the producer. Open loop: each record has its time, whatever happened to the ones before; a record that is sent late
// carries the time at which it should have been sent, so that waiting for it counts.

import type { Histogram } from 'hdr-histogram-js';
import kafka from 'node-rdkafka';
import { cpuMsSince, type PartMessage, partSetting, runPart, tell } from '../suites/ceilings/part.ts';
import { encodeTemplates, type LoadShape, type RecordTemplate, stamp, templateAt } from './events.ts';
import { latencyOf, newHistogram, nowUs, record } from './histograms.ts';
import type { Phase, ProducedAnswer, ProducerSetting } from './producer.ts';

/** Sent in one turn at most, so that acknowledgements are read in between. */
const RECORDS_A_TURN = 256;
const FLUSH_MS = 15_000;
const QUEUE_FULL = -184; // RD_KAFKA_RESP_ERR__QUEUE_FULL
const POLL_MS = 2;

class Producer {
  readonly #shape: LoadShape;
  readonly #topic: string;
  readonly #templates: readonly RecordTemplate[];
  readonly #kafka: kafka.Producer;
  readonly #recordsByPartition: number[];
  #sent = 0;
  #acknowledged = 0;
  #refused = 0;
  #lateUs: Histogram = newHistogram();
  #ackUs: Histogram = newHistogram();

  private constructor({ shape, schemaId, kafkaTopic }: ProducerSetting, producer: kafka.Producer) {
    this.#shape = shape;
    this.#topic = kafkaTopic;
    this.#templates = encodeTemplates(shape, schemaId);
    this.#kafka = producer;
    this.#recordsByPartition = Array.from({ length: shape.partitions }, () => 0);
    producer.on('delivery-report', (error, report) => {
      if (error) this.#refused++;
      this.#acknowledged++;
      record(this.#ackUs, nowUs() - Number(report.opaque));
    });
  }

  static async connect(setting: ProducerSetting): Promise<Producer> {
    const producer = new kafka.Producer({
      'metadata.broker.list': setting.brokers,
      'enable.idempotence': true,
      // What producers of much use: without it each record is a request of its own.
      'linger.ms': setting.shape.single ? 5 : 2,
      'batch.num.messages': 20_000,
      'queue.buffering.max.messages': 500_000,
      'queue.buffering.max.kbytes': 262_144,
      'socket.nagle.disable': true,
      'compression.codec': setting.compression,
      dr_cb: true,
    });
    await new Promise<void>((resolve, reject) => {
      producer.connect({}, (error) => (error ? reject(error) : resolve()));
    });
    producer.setPollInterval(POLL_MS);
    return new Producer(setting, producer);
  }

  get recordBytes(): number {
    return this.#templates.reduce((sum, { bytes }) => sum + bytes.length, 0) / this.#templates.length;
  }

  async run(phases: readonly Phase[], startUs: number): Promise<ProducedAnswer> {
    this.#lateUs = newHistogram();
    this.#ackUs = newHistogram();
    const before = this.#sent;
    const cpu = process.cpuUsage();
    const thread = process.threadCpuUsage();
    let phaseStartUs = startUs;
    for (const { eventsPerSecond, seconds } of phases) {
      const intervalUs = (this.#shape.eventsPerRecord * 1e6) / eventsPerSecond;
      await this.#phase(phaseStartUs, intervalUs, Math.floor((seconds * 1e6) / intervalUs));
      phaseStartUs += seconds * 1e6;
    }
    const endUs = nowUs();
    const threadCpu = process.threadCpuUsage(thread);
    await this.#flush();
    const records = this.#sent - before;
    return {
      records,
      events: records * this.#shape.eventsPerRecord,
      megabytes: (records * this.recordBytes) / 1e6,
      recordsByPartition: [...this.#recordsByPartition],
      seconds: (endUs - startUs) / 1e6,
      busyShare: (threadCpu.user + threadCpu.system) / (endUs - startUs),
      cpuMs: cpuMsSince(cpu),
      late: latencyOf(this.#lateUs),
      acknowledged: latencyOf(this.#ackUs),
      refused: this.#refused,
    };
  }

  async #phase(startUs: number, intervalUs: number, count: number): Promise<void> {
    for (let n = 0; n < count; ) {
      const due = Math.min(count, Math.floor((nowUs() - startUs) / intervalUs) + 1, n + RECORDS_A_TURN);
      for (; n < due; n++) {
        const intendedUs = startUs + n * intervalUs;
        record(this.#lateUs, nowUs() - intendedUs);
        while (!this.#send(Math.round(intendedUs))) await nextTurn(1);
      }
      const waitMs = (startUs + n * intervalUs - nowUs()) / 1000;
      if (n < count) await nextTurn(waitMs);
    }
  }

  /** @returns false when librdkafka has no room */
  #send(intendedUs: number): boolean {
    const partition = this.#sent % this.#shape.partitions;
    const template = this.#templates[templateAt(this.#shape, partition, this.#recordsByPartition[partition] ?? 0)];
    if (!template) throw new Error('there is no such template');
    stamp(template, intendedUs);
    try {
      this.#kafka.produce(this.#topic, partition, template.bytes, null, null, intendedUs);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === QUEUE_FULL) return false;
      throw error;
    }
    this.#recordsByPartition[partition] = (this.#recordsByPartition[partition] ?? 0) + 1;
    this.#sent++;
    return true;
  }

  async #flush(): Promise<void> {
    const deadlineMs = performance.now() + FLUSH_MS;
    while (this.#acknowledged < this.#sent) {
      if (performance.now() > deadlineMs)
        throw new Error(`${this.#sent - this.#acknowledged} records were not acknowledged`);
      await nextTurn(POLL_MS);
    }
  }
}

/** Timers know milliseconds: what is due sooner is up to one late, which counts. Spinning would take a core from the rest. */
const nextTurn = (waitMs: number): Promise<void> =>
  new Promise((resolve) => {
    if (waitMs <= 0) setImmediate(resolve);
    else setTimeout(resolve, Math.max(1, Math.floor(waitMs)));
  });

void runPart(async () => {
  const producer = await Producer.connect(partSetting<ProducerSetting>());
  process.on('message', (message: PartMessage) => {
    void runPart(async () => {
      // sent by load-generator.ts
      const produced = await producer.run(message.phases as Phase[], Number(message.startUs));
      tell({ kind: 'produced', ...produced });
    });
  });
  tell({ kind: 'ready', pid: process.pid, recordBytes: producer.recordBytes });
});
