// One Kafka topic: partitions that grow at one end and are cut at the other, committed offsets, and consumers that read
// assigned partitions with the interface of platform/kafka-consumer.ts.

import { EventEmitter } from 'node:events';
import type { KafkaConsumer, KafkaMessage, PartitionCommit } from '../../../platform/kafka.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { SimulatedProcess } from '../engine/simulated-process.ts';
import type { Simulator } from '../engine/simulator.ts';

export const KAFKA_TOPIC = 'default.t';

interface KafkaRecord {
  readonly timestampMs: number;
  readonly value: Buffer;
}

interface Reading {
  offset: number;
  /** The end that was told last; -1 before. */
  toldEnd: number;
  /** Its offset is gone, and it reads nothing until it is assigned anew. */
  isStuck: boolean;
}

const LATENCY_MS = { low: 0.3, high: 3 } as const;
/** Longer than the 20 ms of the service: an idle poll is a step in which nothing happens. */
const IDLE_WAIT_MS = 120;
const FAILURE_MS = 300;

export class SimulatedKafka {
  readonly partitions: { records: KafkaRecord[]; lowOffset: number }[] = [];
  readonly committed = new Map<number, number>();
  /** Told of each commit that was accepted. */
  onCommitted: (owner: string, partition: number, offset: number) => void = () => {};
  /** Processes that cannot reach it. */
  readonly unreachableFor = new Set<SimulatedProcess>();
  readonly #simulator: Simulator;
  readonly #appended = new EventEmitter().setMaxListeners(0);

  constructor(simulator: Simulator, partitionCount: number) {
    this.#simulator = simulator;
    for (let i = 0; i < partitionCount; i++) this.addPartition();
  }

  addPartition(): void {
    this.partitions.push({ records: [], lowOffset: 0 });
  }

  endOf(partition: number): number {
    return this.partitions[partition]?.records.length ?? 0;
  }

  append(partition: number, value: Buffer): number {
    const offset =
      this.partitions[partition]?.records.push({ timestampMs: Math.floor(this.#simulator.nowMs), value }) ?? 0;
    this.#appended.emit('record', partition);
    return offset - 1;
  }

  /** Retention: everything before the offset is gone. */
  cut(partition: number, lowOffset: number): void {
    const log = this.partitions[partition];
    if (log) log.lowOffset = Math.max(log.lowOffset, Math.min(lowOffset, log.records.length));
  }

  consumer(process: SimulatedProcess): KafkaConsumer {
    return new SimulatedConsumer(this, this.#simulator, process) as unknown as KafkaConsumer;
  }

  /** @returns stops listening */
  onRecord(listen: (partition: number) => void): () => void {
    this.#appended.on('record', listen);
    return () => this.#appended.off('record', listen);
  }
}

class SimulatedConsumer {
  readonly handle = Object.assign(new EventEmitter(), {
    getWatermarkOffsets: (_topic: string, partition: number) => ({
      lowOffset: this.#kafka.partitions[partition]?.lowOffset ?? 0,
      highOffset: this.#kafka.endOf(partition),
    }),
  });
  readonly #kafka: SimulatedKafka;
  readonly #simulator: Simulator;
  readonly #process: SimulatedProcess;
  readonly #reading = new Map<number, Reading>();

  constructor(kafka: SimulatedKafka, simulator: Simulator, process: SimulatedProcess) {
    this.#kafka = kafka;
    this.#simulator = simulator;
    this.#process = process;
  }

  assign(partitions: readonly { readonly partition: number; readonly offset: number }[]): void {
    this.#reading.clear();
    this.incrementalAssign(partitions);
  }

  unassign(): void {
    this.#reading.clear();
  }

  incrementalAssign(partitions: readonly { readonly partition: number; readonly offset: number }[]): void {
    for (const { partition, offset } of partitions)
      this.#reading.set(partition, { offset, toldEnd: -1, isStuck: false });
  }

  incrementalUnassign(partitions: readonly { readonly partition: number }[]): void {
    for (const { partition } of partitions) this.#reading.delete(partition);
  }

  async consume(maxMessages: number): Promise<readonly KafkaMessage[]> {
    await this.#soon('fetch');
    const ready = this.#take(maxMessages);
    if (ready.length > 0) return ready;
    await this.#recordOrTimeout();
    return this.#take(maxMessages);
  }

  async committed(places: readonly { readonly topic: string; readonly partition: number }[]) {
    await this.#answer('committed');
    return places.map((place) => ({ ...place, offset: this.#kafka.committed.get(place.partition) ?? null }));
  }

  async commit(offsets: readonly PartitionCommit[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const isReachable = !this.#kafka.unreachableFor.has(this.#process);
    this.#simulator.plan(this.#latency(), null, 'commit', () => {
      if (isReachable) {
        for (const { partition, offset } of offsets) {
          this.#kafka.committed.set(partition, offset);
          this.#kafka.onCommitted(this.#process.name, partition, offset);
        }
      }
      this.#simulator.plan(isReachable ? this.#latency() : FAILURE_MS, this.#process, 'committed', () =>
        isReachable ? resolve() : reject(unreachable()),
      );
    });
    await promise;
  }

  async queryWatermarkOffsets(_topic: string, partition: number) {
    await this.#answer('watermarks');
    return { lowOffset: this.#kafka.partitions[partition]?.lowOffset ?? 0, highOffset: this.#kafka.endOf(partition) };
  }

  async disconnect(): Promise<void> {
    this.#reading.clear();
  }

  #take(maxMessages: number): KafkaMessage[] {
    const messages: KafkaMessage[] = [];
    if (this.#kafka.unreachableFor.has(this.#process)) return messages;
    for (const [partition, reading] of this.#reading) this.#takeFrom(partition, reading, maxMessages, messages);
    return messages;
  }

  #takeFrom(partition: number, reading: Reading, maxMessages: number, messages: KafkaMessage[]): void {
    const log = this.#kafka.partitions[partition];
    if (!log || reading.isStuck) return;
    if (reading.offset < log.lowOffset || reading.offset > log.records.length) {
      reading.isStuck = true; // librdkafka stops such a partition, often without a word
      return;
    }
    while (messages.length < maxMessages && reading.offset < log.records.length) {
      const record = log.records[reading.offset];
      if (!record) return;
      messages.push({
        topic: KAFKA_TOPIC,
        partition,
        offset: reading.offset++,
        timestamp: record.timestampMs,
        value: record.value,
        key: null,
        size: record.value.length,
      });
    }
    if (reading.offset < log.records.length || reading.toldEnd === reading.offset) return;
    reading.toldEnd = reading.offset;
    this.handle.emit('partition.eof', { topic: KAFKA_TOPIC, partition, offset: reading.offset });
  }

  async #recordOrTimeout(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stopListening = this.#kafka.onRecord((partition) => {
      if (!this.#reading.has(partition)) return;
      stopListening();
      this.#simulator.plan(this.#latency(), this.#process, 'record', resolve);
    });
    const cancel = this.#simulator.plan(IDLE_WAIT_MS, this.#process, 'idle', resolve);
    await promise;
    stopListening();
    cancel();
  }

  async #answer(what: string): Promise<void> {
    if (this.#kafka.unreachableFor.has(this.#process)) {
      await this.#soon(what, FAILURE_MS);
      throw unreachable();
    }
    await this.#soon(what);
  }

  #soon(what: string, delayMs = this.#latency()): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#simulator.plan(delayMs, this.#process, what, resolve);
    return promise;
  }

  #latency(): number {
    return this.#simulator.random.between(LATENCY_MS.low, LATENCY_MS.high);
  }
}

const unreachable = (): MdsError =>
  new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Kafka', reason: 'it does not answer' });
