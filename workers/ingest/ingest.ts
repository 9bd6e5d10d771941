// Takes a request's events into Kafka, each once: claims their ids, looks into Kafka for what an earlier attempt may have
// left there, produces the rest, and remembers what Kafka has acknowledged.

import { randomUUID } from 'node:crypto';
import type { KafkaProducer } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import type { CatalogTopic } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { EVENT_ID_HEADER, type IngestAnswer, type IngestResult } from '../../schemas/ingest.ts';
import type { AcceptedEvent, Claim, DedupeWindow } from './dedupe-window.ts';
import type { EventBatch, EventToIngest } from './event-batch.ts';
import type { EventSearch } from './event-search.ts';

/** A claim that is older was held up somewhere; to be safe against whoever takes it over, nothing is produced on it. */
const FRESH_CLAIM_MS = 5000;

export interface IngestOptions {
  readonly window: Pick<DedupeWindow, 'claim' | 'settle'>;
  readonly search: Pick<EventSearch, 'find'>;
  readonly producer: Pick<KafkaProducer, 'produce' | 'room'>;
  readonly log: Logger;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

interface Claimed {
  readonly event: EventToIngest;
  readonly claim: Claim;
}

export class Ingest {
  readonly #options: IngestOptions;

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  /**
   * Resolves when Kafka has acknowledged everything that is accepted.
   *
   * @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` when Redis is away: nothing was produced
   */
  async take(topic: CatalogTopic, batch: EventBatch): Promise<IngestAnswer> {
    const results = [...batch.results];
    const startedMs = this.#options.now();
    const claimed = await this.#claim(topic, batch.events);
    const fresh: EventToIngest[] = [];
    const unsure: { readonly event: EventToIngest; readonly claimedMs: number }[] = [];
    for (const { event, claim } of claimed) {
      const { index } = event;
      if (claim.kind === 'new') fresh.push(event);
      else if (claim.kind === 'unsure') unsure.push({ event, claimedMs: claim.claimedMs });
      else if (claim.kind === 'busy') results.push(failed(index, new MdsError('MDS_EVENT_IN_PROGRESS')));
      else results.push({ index, status: 'duplicate', partition: claim.partition, offset: claim.offset });
    }
    if (unsure.length > 0) await this.#resolve(topic, unsure, fresh, results);
    if (this.#options.now() - startedMs > FRESH_CLAIM_MS) {
      // The claims run out by themselves; whoever sends the events again finds that Kafka does not have them.
      const late = new MdsError('MDS_TIMEOUT', { operation: 'Claiming the events', timeoutMs: FRESH_CLAIM_MS });
      for (const { index } of fresh) results.push(failed(index, late));
    } else {
      results.push(...(await this.#produce(topic, fresh)));
    }
    return answerOf(results);
  }

  async #claim({ topicId }: CatalogTopic, events: readonly EventToIngest[]): Promise<Claimed[]> {
    const known = events.filter(({ eventId }) => eventId !== null);
    const eventIds = known.map(({ eventId }) => eventId ?? '');
    let claims: Claim[];
    try {
      claims = await this.#options.window.claim(topicId, eventIds, randomUUID());
    } catch (cause) {
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
    }
    const byEvent = new Map(known.map((event, i) => [event, claims[i]]));
    return events.map((event) => ({ event, claim: byEvent.get(event) ?? { kind: 'new' } }));
  }

  /** Those that Kafka has are duplicates; the others are produced like new ones. */
  async #resolve(
    topic: CatalogTopic,
    unsure: readonly { readonly event: EventToIngest; readonly claimedMs: number }[],
    fresh: EventToIngest[],
    results: IngestResult[],
  ): Promise<void> {
    const ids = new Set(unsure.map(({ event }) => event.eventId ?? ''));
    const sinceMs = Math.min(...unsure.map(({ claimedMs }) => claimedMs));
    let found: ReadonlyMap<string, AcceptedEvent>;
    try {
      found = new Map((await this.#options.search.find(topic, ids, sinceMs)).map((event) => [event.eventId, event]));
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      for (const { event } of unsure) results.push(failed(event.index, error));
      return; // their claims run out, and the search begins at the same time again, or a little later
    }
    for (const { event } of unsure) {
      const known = found.get(event.eventId ?? '');
      if (!known) fresh.push(event);
      else results.push({ index: event.index, status: 'duplicate', partition: known.partition, offset: known.offset });
    }
    await this.#settle(topic, [...found.values()]);
  }

  async #produce(topic: CatalogTopic, events: readonly EventToIngest[]): Promise<IngestResult[]> {
    const accepted: AcceptedEvent[] = [];
    const results = await Promise.all(
      events.map(async ({ index, eventId, key, record }): Promise<IngestResult> => {
        try {
          await this.#options.producer.room();
          const headers = eventId === null ? undefined : { [EVENT_ID_HEADER]: eventId };
          const { producer } = this.#options;
          const { partition, offset } = await producer.produce(topic.kafkaTopic, null, record, key, undefined, headers);
          if (eventId !== null) accepted.push({ eventId, partition, offset });
          return { index, status: 'accepted', partition, offset };
        } catch (error) {
          if (!(error instanceof MdsError)) throw error;
          return failed(index, error); // perhaps Kafka has it: the claim stays, and the next attempt looks
        }
      }),
    );
    await this.#settle(topic, accepted);
    return results;
  }

  /** What cannot be remembered now is found in Kafka by the next attempt, when its claim has run out. */
  async #settle({ topicId, name }: CatalogTopic, events: readonly AcceptedEvent[]): Promise<void> {
    try {
      await this.#options.window.settle(topicId, events);
    } catch (error) {
      const facts = { topic: name, events: events.length, reason: reasonOf(error) };
      this.#options.log.warn(facts, 'accepted events could not be remembered, their claims run out');
    }
  }
}

const failed = (index: number, { code, message }: MdsError): IngestResult => ({
  index,
  status: 'failed',
  code,
  detail: message,
});

function answerOf(results: readonly IngestResult[]): IngestAnswer {
  const count = (status: IngestResult['status']): number => results.filter((result) => result.status === status).length;
  return {
    accepted: count('accepted'),
    duplicates: count('duplicate'),
    rejected: count('rejected'),
    failed: count('failed'),
    results: [...results].sort((a, b) => a.index - b.index),
  };
}
