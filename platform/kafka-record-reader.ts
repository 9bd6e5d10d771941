// Reads single records of Kafka by their offsets, with a consumer that is used for nothing else and connects when it is
// first needed. One read at a time; the others wait.

import { MdsError } from '../schemas/errors.ts';
import { type ConsumerOptions, createConsumer, type KafkaConsumer, type KafkaMessage } from './kafka-consumer.ts';

/** Offsets this close are read in one go: what lies between costs less than asking again. */
const NEARBY_RECORDS = 64;
/** 1 MiB: what was fetched beyond the wanted records is thrown away. */
const PREFETCH_BYTES = 1_048_576;
const POLL_RECORDS = 100;
const READ_TIMEOUT_MS = 5000;

export class KafkaRecordReader {
  readonly #options: Omit<ConsumerOptions, 'prefetchBytes' | 'idleWaitMs' | 'offsetReset'>;
  #connecting: Promise<KafkaConsumer> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  /** Where the partition being read was found to end. */
  #endOffset = 0;

  constructor(options: Omit<ConsumerOptions, 'prefetchBytes' | 'idleWaitMs' | 'offsetReset'>) {
    this.#options = options;
  }

  /**
   * @returns by offset; those that are missing are not in Kafka (any more)
   * @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE`, `MDS_TIMEOUT`
   */
  read(topic: string, partition: number, offsets: readonly number[]): Promise<Map<number, KafkaMessage>> {
    const reading = this.#last.then(() => this.#read(topic, partition, offsets));
    this.#last = reading.catch(() => undefined); // whoever asked gets it
    return reading;
  }

  async close(): Promise<void> {
    await this.#last;
    const connecting = this.#connecting;
    this.#connecting = null;
    await (await connecting?.catch(() => null))?.disconnect();
  }

  async #read(topic: string, partition: number, offsets: readonly number[]): Promise<Map<number, KafkaMessage>> {
    const consumer = await this.#connected();
    const { lowOffset, highOffset } = await consumer.queryWatermarkOffsets(topic, partition);
    const wanted = [...new Set(offsets)].filter((offset) => offset >= lowOffset && offset < highOffset);
    const found = new Map<number, KafkaMessage>();
    for (const run of runsOf(wanted)) await this.#readRun(consumer, topic, partition, run, found);
    return found;
  }

  async #readRun(
    consumer: KafkaConsumer,
    topic: string,
    partition: number,
    run: readonly number[],
    found: Map<number, KafkaMessage>,
  ): Promise<void> {
    const [first = 0] = run;
    const last = run.at(-1) ?? first;
    const wanted = new Set(run);
    const deadlineMs = performance.now() + READ_TIMEOUT_MS;
    this.#endOffset = 0;
    consumer.assign([{ topic, partition, offset: first }]);
    try {
      for (let reached = first - 1; reached < last && this.#endOffset <= last; ) {
        for (const message of await consumer.consume(POLL_RECORDS)) {
          reached = Math.max(reached, message.offset);
          if (wanted.has(message.offset)) found.set(message.offset, message);
        }
        if (performance.now() > deadlineMs) {
          throw new MdsError('MDS_TIMEOUT', { operation: `Reading ${topic}/${partition}`, timeoutMs: READ_TIMEOUT_MS });
        }
      }
    } finally {
      consumer.unassign();
    }
  }

  #connected(): Promise<KafkaConsumer> {
    this.#connecting ??= this.#connect().catch((error: unknown) => {
      this.#connecting = null; // tried again by the next read
      throw error;
    });
    return this.#connecting;
  }

  async #connect(): Promise<KafkaConsumer> {
    // `earliest`: what retention deletes while it is read is missing, as is what it had deleted before.
    const consumer = await createConsumer({
      ...this.#options,
      prefetchBytes: PREFETCH_BYTES,
      idleWaitMs: 20,
      offsetReset: 'earliest',
    });
    // A log may end in markers and holes that are no records: then no message says that everything was read.
    consumer.handle.on('partition.eof', ({ offset }) => {
      this.#endOffset = offset;
    });
    return consumer;
  }
}

/** In ascending order, split where the next one is not nearby. */
function runsOf(offsets: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const offset of [...offsets].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && offset - (run.at(-1) ?? offset) <= NEARBY_RECORDS) run.push(offset);
    else runs.push([offset]);
  }
  return runs;
}
