// Gets the last events of a topic out of Kafka: backwards from the ends of its partitions, until enough are at hand.

import type { KafkaMessage } from '../../../platform/kafka.ts';
import { readSchemaId } from '../../../schemas/confluent-wire.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import type { MeasuredFilter } from '../../../schemas/explain-messages.ts';
import { SLAB_HEADER_BYTES, SlabWriter, slabBytesOf } from '../slab.ts';
import { BackwardRead } from './backward-read.ts';
import type { ExplainThread, NamedSchema } from './explain-task.ts';
import { type CountedRecord, lastEvents, type PickedRecord } from './last-events.ts';
import type { ReadLimits, TrafficReader } from './traffic-reader.ts';

/** 100,000 events of 300 bytes; what a replay reads in half a second. */
const MAX_BYTES = 32 * 1_048_576;
/** Ids come from records, and each unknown one is a question to the registry; records with further ids count as rejected. */
const MAX_SCHEMAS = 64;
/** Time for reading; a person waits for it. */
const READ_MS = 2000;

export interface EventSamplerOptions {
  readonly reader: Pick<TrafficReader, 'ranges' | 'read'>;
  readonly thread: Pick<ExplainThread, 'count'>;
  /** The schema's text, null when there is none or it does not come in time. */
  readonly schema: (schemaId: number) => Promise<string | null>;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export interface EventSample {
  readonly slabs: readonly SharedArrayBuffer[];
  /** Newest first. */
  readonly picked: readonly PickedRecord[];
  readonly schemas: readonly NamedSchema[];
  readonly rejectedRecords: number;
  readonly endedBy: MeasuredFilter['endedBy'];
}

export class EventSampler {
  readonly #options: EventSamplerOptions;

  constructor(options: EventSamplerOptions) {
    this.#options = options;
  }

  /**
   * @param mandatory a plan: events that it does not let through, and records that nobody can read, are as if they were not
   *   there; undefined: all may be read
   * @throws MdsError when Kafka cannot be reached
   */
  async sample({ kafkaTopic, partitions }: CatalogTopic, wanted: number, mandatory?: unknown): Promise<EventSample> {
    const { reader, nowMs } = this.#options;
    const deadlineMs = nowMs() + READ_MS;
    const limits: ReadLimits = { maxBytes: MAX_BYTES, deadlineMs, nowMs };
    const backward = new BackwardRead(await reader.ranges(kafkaTopic, partitions, limits), wanted, MAX_BYTES);
    const gathered = new Gathered(this.#options, mandatory);
    let bytes = 0;
    let cutBy: MeasuredFilter['endedBy'] | null = null;
    while (cutBy === null) {
      const cutMs = lastEvents(gathered.records, wanted).at(-1)?.timestampMs ?? null;
      const isEnough = gathered.eventCount >= wanted;
      const { recordCount: records, eventCount: events } = gathered;
      const windows = backward.next({ records, events, bytes, cutMs: isEnough ? cutMs : null });
      if (windows.length === 0) {
        cutBy = isEnough ? 'events' : backward.hasMore ? 'bytes' : 'topic';
        break;
      }
      const read = await reader.read(kafkaTopic, windows, { ...limits, maxBytes: MAX_BYTES - bytes });
      for (const { partition, timestamp } of read.messages) backward.saw(partition, timestamp ?? 0);
      bytes += read.bytes;
      await gathered.add(read.messages);
      cutBy = read.cutBy;
    }
    const picked = lastEvents(gathered.records, wanted);
    return { ...gathered.kept(), picked, endedBy: gathered.eventCount >= wanted ? 'events' : cutBy };
  }
}

/** Records in slabs, counted. */
class Gathered {
  readonly #options: Pick<EventSamplerOptions, 'thread' | 'schema'>;
  readonly #mandatory: unknown;
  readonly #slabs: SharedArrayBuffer[] = [];
  readonly #schemas = new Map<number, string | null>();
  #rejectedRecords = 0;
  readonly records: CountedRecord[] = [];
  recordCount = 0;
  eventCount = 0;

  constructor(options: Pick<EventSamplerOptions, 'thread' | 'schema'>, mandatory: unknown) {
    this.#options = options;
    this.#mandatory = mandatory;
  }

  async add(messages: readonly KafkaMessage[]): Promise<void> {
    if (messages.length === 0) return;
    await this.#learnSchemas(messages);
    const slab = slabOf(messages);
    const mandatory = this.#mandatory;
    const counts = await this.#options.thread.count({ schemas: this.#named(), slab, mandatory });
    messages.forEach(({ timestamp, offset }, place) => {
      const events = counts[place] ?? 0;
      if (events < 0 && mandatory === undefined) this.#rejectedRecords++;
      if (events <= 0) return;
      this.records.push({ slab: this.#slabs.length, place, timestampMs: timestamp ?? 0, offset, events });
      this.eventCount += events;
    });
    this.#slabs.push(slab);
    this.recordCount += messages.length;
  }

  kept(): Pick<EventSample, 'slabs' | 'schemas' | 'rejectedRecords'> {
    return { slabs: this.#slabs, schemas: this.#named(), rejectedRecords: this.#rejectedRecords };
  }

  #named(): NamedSchema[] {
    return [...this.#schemas].flatMap(([schemaId, text]) => (text === null ? [] : [{ schemaId, text }]));
  }

  async #learnSchemas(messages: readonly KafkaMessage[]): Promise<void> {
    for (const { value } of messages) {
      const schemaId = value && readSchemaId(value);
      if (typeof schemaId !== 'number' || this.#schemas.has(schemaId)) continue;
      if (this.#schemas.size >= MAX_SCHEMAS) return;
      this.#schemas.set(schemaId, await this.#options.schema(schemaId));
    }
  }
}

function slabOf(messages: readonly KafkaMessage[]): SharedArrayBuffer {
  const records = messages.map(({ offset, timestamp, value }) => {
    return { slot: 0, offset, timestampMs: timestamp ?? 0, receivedMs: 0, value, key: null };
  });
  const writer = new SlabWriter(records.reduce((bytes, record) => bytes + slabBytesOf(record), SLAB_HEADER_BYTES));
  for (const record of records) {
    if (!writer.append(record)) throw new RangeError('the slab was made for these records');
  }
  return writer.memory;
}
