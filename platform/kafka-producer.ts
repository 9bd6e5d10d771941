// An idempotent producer: each record is in Kafka once, in order, on every in-sync replica, before its promise resolves.
// At most `maxInFlight` records are unacknowledged; further calls wait their turn, in order.

import type { DeliveryReport, Producer as Handle, LibrdKafkaError } from 'node-rdkafka';
import { MdsError } from '../schemas/errors.ts';
import {
  asKafkaError,
  call,
  clientSettings,
  connectClient,
  disconnectClient,
  KAFKA_CODES,
  type KafkaConnection,
  kafka,
  kafkaCodeOf,
} from './kafka-client.ts';

export interface ProducerOptions extends KafkaConnection {
  /** How long records are gathered before they are sent; 0-5 ms. */
  readonly lingerMs?: number;
  /** Records that may be unacknowledged. */
  readonly maxInFlight?: number;
  /** Largest record. */
  readonly maxRecordBytes?: number;
  /** How long a record is tried before its promise rejects. */
  readonly deliveryTimeoutMs?: number;
}

export interface Delivered {
  readonly partition: number;
  readonly offset: number;
}

export interface KafkaProducer {
  /** node-rdkafka's producer, for what is not offered here. */
  readonly handle: Handle;
  /**
   * @param partition null: by the key's hash as Java's producer does it, or any partition when there is no key
   * @param timestampMs when the record happened; default: now
   * @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` when the record was not acknowledged within `deliveryTimeoutMs`
   */
  produce(
    topic: string,
    partition: number | null,
    value: Uint8Array | null,
    key?: Uint8Array | string | null,
    timestampMs?: number,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Delivered>;
  /** Resolves when a call of `produce` would not have to wait. */
  room(): Promise<void>;
  readonly inFlight: number;
  /** Waits until everything is acknowledged, or rejects with `MDS_TIMEOUT`. */
  flush(timeoutMs: number): Promise<void>;
  /** Flushes (up to 5 s), then closes. */
  disconnect(): Promise<void>;
}

/** 2 ms: measured latency stays far below the 20 ms of a fetch, and a busy producer fills its batches anyway. */
const LINGER_MS = 2;
const MAX_IN_FLIGHT = 10_000;
/** 8 MiB: batch records are meant to be some 64 KiB; this leaves room for the odd giant and must fit the broker's limit. */
const MAX_RECORD_BYTES = 8_388_608;
const DELIVERY_TIMEOUT_MS = 30_000;
/** 64 MiB of unacknowledged bytes: beyond it, waiting is right, whatever the number of records. */
const QUEUE_BYTES = 67_108_864;
/** Delivery reports are fetched this often while there is something to report. */
const POLL_INTERVAL_MS = 2;
const DISCONNECT_FLUSH_MS = 5000;

/** Connects a producer. @throws MdsError as `connectClient` */
export async function createProducer(options: ProducerOptions): Promise<KafkaProducer> {
  const handle = await connectClient(options, () => new kafka.Producer(producerSettings(options), TOPIC_SETTINGS));
  return new AcknowledgingProducer(handle, options.maxInFlight ?? MAX_IN_FLIGHT);
}

/** The same partition for a key as Java's producer, so that both may write to one topic. */
const TOPIC_SETTINGS = { partitioner: 'murmur2_random' };

const producerSettings = (options: ProducerOptions) => ({
  ...clientSettings(options),
  'enable.idempotence': true,
  acks: -1,
  'linger.ms': options.lingerMs ?? LINGER_MS,
  'compression.codec': kafka.features.includes('lz4') ? ('lz4' as const) : ('none' as const),
  'message.max.bytes': options.maxRecordBytes ?? MAX_RECORD_BYTES,
  'message.timeout.ms': options.deliveryTimeoutMs ?? DELIVERY_TIMEOUT_MS,
  'queue.buffering.max.messages': 2 * (options.maxInFlight ?? MAX_IN_FLIGHT),
  'queue.buffering.max.kbytes': QUEUE_BYTES / 1024,
  dr_cb: true,
});

interface Waiting {
  readonly promise: Promise<Delivered>;
  readonly resolve: (delivered: Delivered) => void;
  readonly reject: (error: unknown) => void;
}
interface Unsent extends Waiting {
  readonly send: (waiting: Waiting) => void;
}

class AcknowledgingProducer implements KafkaProducer {
  readonly handle: Handle;
  readonly #maxInFlight: number;
  /** Calls that wait for room; as long as `maxInFlight` at most, beyond that a call is refused. */
  readonly #unsent: Unsent[] = [];
  readonly #roomWaiters: (() => void)[] = [];
  #inFlight = 0;
  #poll: NodeJS.Timeout | undefined;

  constructor(handle: Handle, maxInFlight: number) {
    this.handle = handle;
    this.#maxInFlight = maxInFlight;
    handle.on('delivery-report', (error: LibrdKafkaError | null, report: DeliveryReport) =>
      this.#settle(error, report),
    );
  }

  get inFlight(): number {
    return this.#inFlight + this.#unsent.length;
  }

  async room(): Promise<void> {
    while (this.inFlight >= this.#maxInFlight) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#roomWaiters.push(resolve);
      await promise;
    }
  }

  produce(
    topic: string,
    partition: number | null,
    value: Uint8Array | null,
    key: Uint8Array | string | null = null,
    timestampMs?: number,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Delivered> {
    const list = headers === undefined ? undefined : Object.entries(headers).map(([name, text]) => ({ [name]: text }));
    const send = (waiting: Waiting): void => {
      this.handle.produce(topic, partition, asBuffer(value), asKey(key), timestampMs ?? null, waiting, list);
    };
    if (this.#unsent.length >= this.#maxInFlight) {
      const reason = `${this.inFlight} records are not acknowledged yet; wait for room() before producing more`;
      return Promise.reject(new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Kafka (produce)', reason }));
    }
    const unsent = { ...Promise.withResolvers<Delivered>(), send };
    this.#unsent.push(unsent);
    this.#sendMore();
    return unsent.promise;
  }

  async flush(timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (this.inFlight > 0) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new MdsError('MDS_TIMEOUT', { operation: 'Flushing the producer', timeoutMs });
      await call<void>('Kafka (flush)', (done) =>
        this.handle.flush(Math.min(leftMs, 100), () => done(null, undefined)),
      );
    }
  }

  async disconnect(): Promise<void> {
    try {
      await this.flush(DISCONNECT_FLUSH_MS);
    } finally {
      clearInterval(this.#poll);
      await disconnectClient(this.handle);
      this.#rejectUnsent();
    }
  }

  #sendMore(): void {
    while (this.#inFlight < this.#maxInFlight) {
      const next = this.#unsent[0];
      if (next === undefined) break;
      try {
        next.send(next);
        this.#inFlight++;
      } catch (error) {
        if (kafkaCodeOf(error) === KAFKA_CODES.QUEUE_FULL) break; // by bytes: goes on with the next delivery report
        next.reject(asKafkaError(error, 'Kafka (produce)'));
      }
      this.#unsent.shift();
    }
    this.#pollWhileInFlight();
  }

  #settle(error: LibrdKafkaError | null, report: DeliveryReport): void {
    this.#inFlight--;
    const waiting: Waiting = report.opaque; // what `produce` gave along
    if (error) waiting.reject(asKafkaError(error, 'Kafka (produce)'));
    else waiting.resolve({ partition: report.partition, offset: report.offset });
    this.#sendMore();
    if (this.inFlight < this.#maxInFlight) for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }

  #pollWhileInFlight(): void {
    if (this.inFlight === 0) {
      clearInterval(this.#poll);
      this.#poll = undefined;
    } else {
      this.#poll ??= setInterval(() => {
        if (this.handle.isConnected()) this.handle.poll();
      }, POLL_INTERVAL_MS);
    }
  }

  #rejectUnsent(): void {
    const error = new MdsError('MDS_DEPENDENCY_UNAVAILABLE', {
      dependency: 'Kafka (produce)',
      reason: 'the producer was closed',
    });
    for (const { reject } of this.#unsent.splice(0)) reject(error);
    for (const resolve of this.#roomWaiters.splice(0)) resolve();
  }
}

const asBuffer = (bytes: Uint8Array | null): Buffer | null =>
  bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const asKey = (key: Uint8Array | string | null): Buffer | string | null =>
  typeof key === 'string' ? key : asBuffer(key);
