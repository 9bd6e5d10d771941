// One request's events: claim their ids, produce what nobody has produced, settle, and say for each what became of it. A
// process that dies at any step leaves claims behind, and whoever is sent the events again finds out what Kafka has.

import { randomBytes } from 'node:crypto';
import type { KafkaProducer } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import type { CatalogTopic } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { CLAIM_HEADER, type IngestResult } from '../../schemas/ingest.ts';
import type { Claim, DedupeWindow, TakenEvent } from './dedupe-window.ts';
import type { EventBatch, EventToIngest } from './event-batch.ts';
import { type EventSearch, placeKey } from './event-search.ts';
import { type RecordToProduce, recordsOf } from './kafka-records.ts';
import { type Cursor, headerText, type PlacedRecord } from './record-place.ts';

/** A claim that is this old, far too young to be safe against whoever takes it over, has nothing produced on it. */
const FRESH_CLAIM_MS = 5000;
const CLAIM_NAME_BYTES = 9;

export interface IngestOptions {
  readonly window: Pick<DedupeWindow, 'claim' | 'settle' | 'leaveOpen'>;
  readonly search: Pick<EventSearch, 'find'>;
  readonly producer: Pick<KafkaProducer, 'produce' | 'room'>;
  readonly log: Logger;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

type Unsure = Extract<Claim, { kind: 'unsure' }>;

/** One request on its way. */
interface Work {
  readonly topic: CatalogTopic;
  readonly batch: EventBatch;
  readonly claim: string;
  /** By place. */
  readonly results: IngestResult[];
  /** What Kafka has, to be settled. */
  readonly written: PlacedRecord[];
  /** What Kafka may have: not to be settled. */
  readonly open: TakenEvent[];
}

export class Ingest {
  readonly #options: IngestOptions;

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  /**
   * Resolves when Kafka has acknowledged everything that is accepted.
   *
   * @returns a result for each event, in the order of the request
   * @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` when Redis is away: nothing was produced
   */
  async take(topic: CatalogTopic, batch: EventBatch): Promise<IngestResult[]> {
    const claim = randomBytes(CLAIM_NAME_BYTES).toString('base64url');
    const work: Work = { topic, batch, claim, results: [], written: [], open: [] };
    work.results.length = batch.events.length + batch.results.length;
    for (const result of batch.results) work.results[result.index] = result;
    const startedMs = this.#options.now();
    const claims = await this.#claim(work);
    const fresh = await this.#sortOut(work, claims);
    if (this.#options.now() - startedMs > FRESH_CLAIM_MS) {
      // The claim runs out by itself; whoever sends the events again finds that Kafka does not have them.
      const late = new MdsError('MDS_TIMEOUT', { operation: 'Claiming the events', timeoutMs: FRESH_CLAIM_MS });
      for (const { index } of fresh) work.results[index] = failed(index, late);
    } else {
      await Promise.all(recordsOf(batch, fresh).map((record) => this.#produce(work, record)));
      await this.#settle(work);
    }
    return work.results;
  }

  async #claim({ topic, batch, claim }: Work): Promise<ReadonlyMap<number, Claim>> {
    // a schema has ids or it has none
    if (batch.events.length === 0 || batch.events[0]?.eventId === null) return new Map();
    try {
      return await this.#options.window.claim(topic.topicId, batch.events, claim);
    } catch (cause) {
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
    }
  }

  /** @returns the events to produce, in order; the others have their results */
  async #sortOut(work: Work, claims: ReadonlyMap<number, Claim>): Promise<readonly EventToIngest[]> {
    if (claims.size === 0) return work.batch.events;
    const fresh = new Set<EventToIngest>();
    const unsure = new Map<EventToIngest, Unsure>();
    for (const event of work.batch.events) {
      const { index } = event;
      const claim = claims.get(index);
      if (!claim || claim.kind === 'new') fresh.add(event);
      else if (claim.kind === 'busy') work.results[index] = failed(index, new MdsError('MDS_EVENT_IN_PROGRESS'));
      else if (claim.kind === 'done') work.results[index] = duplicate(index, claim.cursor);
      else unsure.set(event, claim);
    }
    if (unsure.size > 0) for (const event of await this.#lookUp(work, unsure)) fresh.add(event);
    return work.batch.events.filter((event) => fresh.has(event));
  }

  /** What Kafka has is a duplicate. @returns what it does not have, to be produced like new ones */
  async #lookUp(work: Work, unsure: ReadonlyMap<EventToIngest, Unsure>): Promise<readonly EventToIngest[]> {
    const lost: EventToIngest[] = [];
    const sought = [...unsure.values()];
    let found: ReadonlyMap<string, Cursor>;
    try {
      const sinceMs = Math.min(...sought.map((claim) => claim.sinceMs));
      found = await this.#options.search.find(
        work.topic,
        sought.flatMap(({ older }) => older),
        sinceMs,
      );
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      for (const event of unsure.keys()) leave(work, event, error);
      return lost;
    }
    for (const [event, { older }] of unsure) {
      const { index } = event;
      const cursor = older.map((place) => found.get(placeKey(place))).find((one) => one !== undefined);
      if (cursor) {
        work.results[index] = duplicate(index, cursor);
        work.written.push({ ...cursor, places: [index] });
      } else lost.push(event);
    }
    return lost;
  }

  async #produce(work: Work, { key, value, events }: RecordToProduce): Promise<void> {
    const { producer } = this.#options;
    const places = events.map(({ index }) => index);
    const headers = events[0]?.eventId === null ? undefined : { [CLAIM_HEADER]: headerText(work.claim, places) };
    try {
      await producer.room();
      const { partition, offset } = await producer.produce(work.topic.kafkaTopic, null, value, key, undefined, headers);
      work.written.push({ partition, offset, places });
      for (let i = 0; i < places.length; i++) {
        const index = places[i] ?? 0;
        work.results[index] = { index, status: 'accepted', partition, offset, recordIndex: i };
      }
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      for (const event of events) leave(work, event, error);
    }
  }

  /** What cannot be remembered now is found in Kafka by the next attempt, when its claim has run out. */
  async #settle({ topic: { topicId, name }, claim, written, open, batch }: Work): Promise<void> {
    if (written.length === 0 || batch.events[0]?.eventId === null) return;
    try {
      if (open.length > 0) await this.#options.window.leaveOpen(topicId, claim, open);
      await this.#options.window.settle(topicId, claim, written);
    } catch (error) {
      const facts = { topic: name, events: batch.events.length, reason: reasonOf(error) };
      this.#options.log.warn(facts, 'accepted events could not be remembered, their claims run out');
    }
  }
}

/** Perhaps Kafka has it: the next attempt looks. */
function leave({ results, open }: Work, { index, eventId }: EventToIngest, error: MdsError): void {
  results[index] = failed(index, error);
  if (eventId !== null) open.push({ eventId, index });
}

const duplicate = (index: number, cursor: Cursor | null): IngestResult => ({
  index,
  status: 'duplicate',
  partition: cursor?.partition ?? null,
  offset: cursor?.offset ?? null,
  recordIndex: cursor?.recordIndex ?? null,
});

const failed = (index: number, { code, message }: MdsError): IngestResult => ({
  index,
  status: 'failed',
  code,
  detail: message,
});
