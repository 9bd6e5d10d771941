// Takes requests of edges from the list in Redis, reads the original records from Kafka and writes dead letters; then tells
// the edge, which until then asks again. Whatever fails here is dropped for that reason.
//
//   BRPOP ──▶ record at the cursor ──▶ dead-letter topic (acks=all) ──▶ HSET durable:{id}:dead:{shard} ──▶ notify
//
// A worker that ends between the last two leaves a letter that is written again; readers know it by its cursor.

import { setTimeout as delay } from 'node:timers/promises';
import type { KafkaMessage } from '../../../platform/kafka.ts';
import type { Logger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import { backoffMs } from '../../../platform/retry.ts';
import { type CatalogTopic, readMessage } from '../../../schemas/coordination.ts';
import { cursorField, DeadLetterRequest, type DurableKeys } from '../../../schemas/durable.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import { durableLetterOf } from './durable-letter.ts';
import type { LetterWriter } from './letter-writer.ts';

/** How long Redis holds the question; a stop ends it at once by closing the connection. */
const POP_TIMEOUT_SECONDS = 5;
/** Taken at once: records of one partition are then read together. With 8 MiB records this is the bound on memory. */
const BATCH = 20;
const ERROR_BACKOFF = { baseMs: 50, maxMs: 2000 } as const;

export type DeadLetterOutcome = 'written' | 'record_gone' | 'not_wanted' | 'failed' | 'refused';

export interface DeadLetterServerOptions {
  /** Used for nothing else: it blocks. */
  readonly requests: Redis;
  readonly answers: Redis;
  readonly keys: DurableKeys;
  readonly topic: (topicId: number) => Promise<CatalogTopic | undefined>;
  readonly records: {
    read(topic: string, partition: number, offsets: readonly number[]): Promise<ReadonlyMap<number, KafkaMessage>>;
  };
  readonly writer: Pick<LetterWriter, 'write'>;
  readonly log: Logger;
  /** ms since 1970. */
  readonly now: () => number;
  readonly answered: (outcome: DeadLetterOutcome, count: number) => void;
}

export class DeadLetterServer {
  readonly #options: DeadLetterServerOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #failures = 0;

  constructor(options: DeadLetterServerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#serve();
  }

  /** Finishes the letters at hand. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#options.requests.disconnect();
    await this.#running;
  }

  async #serve(): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      let taken: DeadLetterRequest[] = [];
      try {
        taken = await this.#take();
        for (const group of groupsOf(taken)) {
          await this.#writeAll(group);
          taken = taken.filter((request) => !group.includes(request));
        }
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (taken.length > 0) this.#options.answered('failed', taken.length);
        const isFirst = this.#failures++ === 0;
        if (isFirst) log.warn({ reason: reasonOf(error) }, 'dead letters cannot be written; edges ask again');
        await delay(backoffMs(this.#failures, ERROR_BACKOFF));
      }
    }
  }

  async #take(): Promise<DeadLetterRequest[]> {
    const { requests, keys, log, answered } = this.#options;
    const first = await requests.brpop(keys.deadLetters, POP_TIMEOUT_SECONDS);
    if (!first) return [];
    const more = (await requests.rpop(keys.deadLetters, BATCH - 1)) ?? [];
    return [first[1], ...more].flatMap((text) => {
      try {
        return [readMessage(DeadLetterRequest, text)];
      } catch (err) {
        log.error({ err }, 'a request for a dead letter cannot be read');
        answered('refused', 1);
        return [];
      }
    });
  }

  /** @param group of one partition */
  async #writeAll(group: readonly DeadLetterRequest[]): Promise<void> {
    const { answers, keys, topic: topicOf, records, writer, now, answered } = this.#options;
    const wanted = await this.#stillWanted(group);
    const [first] = wanted;
    if (first === undefined) return;
    const topic = await topicOf(first.topicId);
    if (topic === undefined) {
      answered('not_wanted', wanted.length);
      return;
    }
    const [partition] = first.cursor;
    const offsets = wanted.map(({ cursor: [, offset] }) => offset);
    const found = await records.read(topic.kafkaTopic, partition, offsets);
    await Promise.all(
      wanted.map(async (request) => {
        const [, offset, index] = request.cursor;
        const record = found.get(offset) ?? null;
        const letter = durableLetterOf(request, topic.kafkaTopic, record, now());
        const key = `${request.subscription}/${cursorField(partition, offset, index)}`;
        await writer.write(topic.deadLetterTopic, letter, key);
        answered(record === null ? 'record_gone' : 'written', 1);
      }),
    );
    const multi = answers.multi();
    for (const { subscription, shard, cursor, attempts } of wanted) {
      multi.hset(keys.dead(subscription, shard), cursorField(...cursor), attempts);
    }
    for (const subscription of new Set(wanted.map((request) => request.subscription))) {
      multi.publish(keys.notify, subscription);
    }
    await multi.exec();
  }

  /** Those of a subscription that was deleted meanwhile would leave keys that nobody clears away. */
  async #stillWanted(group: readonly DeadLetterRequest[]): Promise<DeadLetterRequest[]> {
    const { answers, keys, answered } = this.#options;
    const ids = [...new Set(group.map(({ subscription }) => subscription))];
    const definitions = await answers.hmget(keys.definitions, ...ids);
    const present = new Set(ids.filter((_, i) => definitions[i] !== null));
    const wanted = group.filter(({ subscription }) => present.has(subscription));
    if (wanted.length < group.length) answered('not_wanted', group.length - wanted.length);
    return wanted;
  }
}

/** By partition. */
function groupsOf(requests: readonly DeadLetterRequest[]): DeadLetterRequest[][] {
  const groups = new Map<string, DeadLetterRequest[]>();
  for (const request of requests) {
    const key = `${request.topicId}/${request.cursor[0]}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [request]);
    else group.push(request);
  }
  return [...groups.values()];
}
