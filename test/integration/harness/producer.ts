// A fast producer of Avro records, independent of the project's own: node-rdkafka and avsc alone. It remembers where Kafka
// put each record, so that the ledger knows every event's true cursor.

import avro from 'avsc';
import kafka from 'node-rdkafka';
import type { TopicInfo } from './rest-client.ts';
import { until } from './until.ts';

/** An event with the cursor Kafka gave it. */
export interface ProducedEvent<E> {
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
  readonly event: E;
}

interface RecordToProduce<E> {
  readonly partition: number;
  /** More than one: a batch record. One: a single event, unless `asBatch`. */
  readonly events: readonly E[];
  readonly asBatch?: boolean;
}

/** Librdkafka's queue: what a test has produced but Kafka not yet acknowledged. Full: the producer waits. */
const MAX_IN_FLIGHT_RECORDS = 50_000;
const HANGING_TIMEOUT_MS = 5000;
const POLL_MS = 5;
const FLUSH_TIMEOUT_MS = 30_000;

export class TestProducer<E> {
  /** Every acknowledged event, in the order of acknowledgement. */
  readonly produced: ProducedEvent<E>[] = [];
  readonly #producer: kafka.Producer;
  readonly #topic: TopicInfo;
  readonly #type: avro.Type;
  readonly #batchType: avro.Type;
  readonly #failures: Error[] = [];
  #sentRecords = 0;
  #ackedRecords = 0;

  private constructor(producer: kafka.Producer, topic: TopicInfo) {
    this.#producer = producer;
    this.#topic = topic;
    this.#type = avro.Type.forSchema(topic.schema as avro.Schema); // avsc checks it
    this.#batchType = avro.Type.forSchema({
      type: 'record',
      name: 'TestBatch',
      fields: [{ name: 'events', type: { type: 'array', items: this.#type } }],
    });
    producer.on('delivery-report', (error, report) => {
      this.#ackedRecords += 1;
      if (error) this.#failures.push(new Error(`Kafka refused a record: ${error.message}`));
      else this.#remember(report);
    });
  }

  static async connect<E>(brokers: string, topic: TopicInfo): Promise<TestProducer<E>> {
    const settings: kafka.ProducerGlobalConfig = {
      'metadata.broker.list': brokers,
      'enable.idempotence': true,
      'linger.ms': 2,
      // a broker that hangs is left for the next leader; a minute by default
      'socket.timeout.ms': HANGING_TIMEOUT_MS,
      'queue.buffering.max.messages': MAX_IN_FLIGHT_RECORDS * 2,
      dr_cb: true,
    };
    const producer = new kafka.Producer(settings, { 'request.timeout.ms': HANGING_TIMEOUT_MS });
    await new Promise<void>((resolve, reject) => {
      producer.connect({}, (error) => (error ? reject(error) : resolve()));
    });
    producer.setPollInterval(POLL_MS);
    return new TestProducer<E>(producer, topic);
  }

  get sentRecords(): number {
    return this.#sentRecords;
  }

  /** Hands one record to the sender's queue; waits when 50,000 are not acknowledged yet. */
  async send(record: RecordToProduce<E>): Promise<void> {
    await this.#room();
    const [first] = record.events;
    const asBatch = record.asBatch ?? record.events.length !== 1;
    const bytes = asBatch
      ? framed(this.#topic.batchSchemaId, this.#batchType.toBuffer({ events: record.events }))
      : framed(this.#topic.schemaId, this.#type.toBuffer(first));
    this.#produce(record.partition, bytes, record.events);
  }

  /** Any bytes at all, as a broken producer would send them. */
  async sendBytes(partition: number, bytes: Buffer): Promise<void> {
    await this.#room();
    this.#produce(partition, bytes, []);
  }

  /** Waits until Kafka has acknowledged everything. */
  async flush(): Promise<void> {
    await until(
      'Kafka to acknowledge all records',
      FLUSH_TIMEOUT_MS,
      () => this.#ackedRecords === this.#sentRecords,
      () => `${this.#ackedRecords} of ${this.#sentRecords}`,
    );
    if (this.#failures[0]) throw this.#failures[0];
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#producer.disconnect(() => resolve()));
  }

  async #room(): Promise<void> {
    if (this.#sentRecords - this.#ackedRecords < MAX_IN_FLIGHT_RECORDS) return;
    await until(
      'room in the queue',
      FLUSH_TIMEOUT_MS,
      () => this.#sentRecords - this.#ackedRecords < MAX_IN_FLIGHT_RECORDS,
    );
  }

  #produce(partition: number, bytes: Buffer, events: readonly E[]): void {
    this.#producer.produce(this.#topic.kafkaTopic, partition, bytes, null, null, events);
    this.#sentRecords += 1;
  }

  #remember(report: kafka.DeliveryReport): void {
    const events: readonly E[] = report.opaque;
    events.forEach((event, index) => {
      this.produced.push({ partition: report.partition, offset: report.offset, index, event });
    });
  }
}

/** Confluent wire format: a zero byte, the schema id (u32 big endian), the Avro body. */
export function framed(schemaId: number, body: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(schemaId, 1);
  return Buffer.concat([header, body]);
}
