// Gathers events into Avro batch records and produces them. A record is sent when it is full, and when the input has
// nothing more for now; events of one key go through one gathering record at a time, so their order stays.

import avsc from 'avsc';
import type { Topic } from '../../schemas/api/topic.ts';
import { avscTypeOf } from '../../schemas/avro/decoded-event.ts';
import { encodeConfluent } from '../../schemas/confluent-wire.ts';
import type { RecordSender } from './door-sender.ts';
import type { PublishableEvent } from './event-reader.ts';

export interface PublishedCounts {
  events: number;
  records: number;
  bytes: number;
}

/** 64 KiB records carry the most events per broker and worker second (DESIGN §5); 500 bounds what one rejection takes. */
const RECORD_BYTES = 65_536;
const RECORD_EVENTS = 500;
/** Keys gather apart; with more than this at once, all are sent and gathering starts again. */
const GATHERED_KEYS = 1000;

interface Gathering {
  events: Buffer[];
  bytes: number;
}

export class RecordWriter {
  readonly counts: PublishedCounts = { events: 0, records: 0, bytes: 0 };
  readonly #topic: Topic;
  readonly #producer: RecordSender | null;
  readonly #eventType: avsc.Type;
  readonly #gathered = new Map<string | null, Gathering>();
  #failure: { readonly error: unknown } | null = null;
  #unacknowledged = new Set<Promise<unknown>>();

  /** @param producer null: only count what would be produced */
  constructor(topic: Topic, producer: RecordSender | null) {
    this.#topic = topic;
    this.#producer = producer;
    this.#eventType = avscTypeOf(avsc, topic.schema);
  }

  /** Waits while too much is unacknowledged. @throws what an earlier record failed with */
  async add({ value, key }: PublishableEvent): Promise<void> {
    const event = this.#eventType.toBuffer(value);
    const gathering = this.#gathered.get(key) ?? { events: [], bytes: 0 };
    if (gathering.events.length === 0) this.#gathered.set(key, gathering);
    gathering.events.push(event);
    gathering.bytes += event.length;
    if (gathering.bytes >= RECORD_BYTES || gathering.events.length >= RECORD_EVENTS) await this.#send(key, gathering);
    else if (this.#gathered.size > GATHERED_KEYS) await this.flush();
  }

  /** Sends everything gathered. */
  async flush(): Promise<void> {
    for (const [key, gathering] of this.#gathered) await this.#send(key, gathering);
  }

  /** Sends everything and waits until Kafka has acknowledged it. */
  async close(): Promise<void> {
    await this.flush();
    await Promise.all(this.#unacknowledged);
    if (this.#failure) throw this.#failure.error;
  }

  async #send(key: string | null, { events }: Gathering): Promise<void> {
    this.#gathered.delete(key);
    const record = encodeConfluent(this.#topic.batchSchemaId, arrayOf(events));
    if (this.#producer) {
      await this.#producer.room();
      if (this.#failure) throw this.#failure.error;
      const produced = this.#producer.produce(this.#topic.kafkaTopic, null, record, key).then(
        () => this.#count(events.length, record.length),
        (error: unknown) => {
          this.#failure ??= { error };
        },
      );
      this.#unacknowledged.add(produced);
      void produced.then(() => this.#unacknowledged.delete(produced));
    } else {
      this.#count(events.length, record.length);
    }
  }

  #count(events: number, bytes: number): void {
    this.counts.events += events;
    this.counts.records += 1;
    this.counts.bytes += bytes;
  }
}

const END_OF_BLOCKS = Buffer.from([0]);
const blockCount = avsc.Type.forSchema('long');

/** Avro's encoding of an array, which is that of a batch record with this one field: one block, its items, the end. */
function arrayOf(events: readonly Buffer[]): Buffer {
  return Buffer.concat([blockCount.toBuffer(events.length), ...events, END_OF_BLOCKS]);
}
