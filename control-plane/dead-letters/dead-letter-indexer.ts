// The leader's reader of dead-letter topics: what stands there becomes rows, and how far that is moves in the same
// transaction, so that each letter is indexed once, whoever leads and whenever it dies.

import { createConsumer, type KafkaConnection, type KafkaConsumer, type KafkaMessage } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import { type Pool, withTransaction } from '../../platform/postgres.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import {
  dropExpiredLetters,
  type IndexedLetter,
  moveIndexPosition,
  readIndexPosition,
  saveLetters,
} from '../store/dead-letter-index.ts';
import { allTenants } from '../store/tenants.ts';
import type { KafkaTopics } from '../topics/ports.ts';
import { deadLetterTopicOf } from '../topics/topic-names.ts';
import type { DeadLetterMetrics } from './dead-letter-metrics.ts';
import { indexedLetterOf, lastOfEach } from './indexed-letter.ts';
import type { LetterDecoding } from './letter-decoding.ts';

const BATCH_RECORDS = 500;
/** After so many the rest waits for the next round: others want the event loop too. */
const BATCHES_A_ROUND = 20;
const PREFETCH_BYTES = 4_194_304;
const CONNECT_TIMEOUT_MS = 5000;
/** What retention has deleted. */
const REFRESH_INTERVAL_MS = 60_000;
/** New tenants, and the dead-letter topic of a tenant, which comes with its first topic: they are looked for often. */
const MISSING_INTERVAL_MS = 2000;

export interface DeadLetterIndexerParts {
  readonly pool: Pool;
  readonly kafka: Pick<KafkaTopics, 'partitionsOf' | 'ranges'>;
  readonly connection: Omit<KafkaConnection, 'name' | 'connectTimeoutMs'>;
  readonly decoding: LetterDecoding;
  readonly metrics: DeadLetterMetrics;
  readonly log: Logger;
}

interface Reading {
  readonly tenant: string;
  readonly dlqTopic: string;
  readonly dlqPartition: number;
  nextOffset: number;
}

export class DeadLetterIndexer {
  readonly #parts: DeadLetterIndexerParts;
  #consumer: KafkaConsumer | null = null;
  #readings = new Map<string, Reading>();
  #refreshedMs = Number.NEGATIVE_INFINITY;
  #tenantsReadMs = Number.NEGATIVE_INFINITY;
  #tenants: readonly string[] = [];
  #isMissingTopics = false;
  #running: Promise<void> | null = null;
  #isStopped = false;
  #isFailing = false;

  constructor(parts: DeadLetterIndexerParts) {
    this.#parts = parts;
  }

  /** Starts one round unless one is running. To be called by the leader only, though two at once do no harm. */
  look(): void {
    if (this.#running !== null || this.#isStopped) return;
    this.#running = this.#round().finally(() => {
      this.#running = null;
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#consumer?.disconnect();
  }

  async #round(): Promise<void> {
    const { log } = this.#parts;
    try {
      const consumer = await this.#assigned();
      for (let i = 0; i < BATCHES_A_ROUND && !this.#isStopped; i++) {
        const messages = await consumer.consume(BATCH_RECORDS);
        if (messages.length === 0) break;
        await this.#index(messages);
      }
      if (this.#isFailing) log.info('dead letters are indexed again');
      this.#isFailing = false;
    } catch (error) {
      this.#refreshedMs = Number.NEGATIVE_INFINITY; // begin anew where Postgres says
      if (!this.#isFailing) log.warn({ reason: reasonOf(error) }, 'dead letters cannot be indexed; trying again');
      this.#isFailing = true;
    }
  }

  async #assigned(): Promise<KafkaConsumer> {
    const { connection } = this.#parts;
    this.#consumer ??= await createConsumer({
      ...connection,
      name: 'dead-letter-index',
      groupId: 'mds-dead-letter-index', // nothing is ever committed to it
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      prefetchBytes: PREFETCH_BYTES,
      offsetReset: 'earliest',
    });
    const nowMs = performance.now();
    const isNewTenant = await this.#readTenants(nowMs);
    const intervalMs = this.#isMissingTopics ? MISSING_INTERVAL_MS : REFRESH_INTERVAL_MS;
    if (!isNewTenant && nowMs - this.#refreshedMs < intervalMs) return this.#consumer;
    this.#readings = await this.#readPositions();
    this.#consumer.assign(
      [...this.#readings.values()].map(({ dlqTopic, dlqPartition, nextOffset }) => {
        return { topic: dlqTopic, partition: dlqPartition, offset: nextOffset };
      }),
    );
    this.#refreshedMs = nowMs;
    return this.#consumer;
  }

  /** @returns whether there are others than before */
  async #readTenants(nowMs: number): Promise<boolean> {
    if (nowMs - this.#tenantsReadMs < MISSING_INTERVAL_MS) return false;
    const before = new Set(this.#tenants);
    this.#tenants = await allTenants(this.#parts.pool);
    this.#tenantsReadMs = nowMs;
    return this.#tenants.some((tenant) => !before.has(tenant));
  }

  async #readPositions(): Promise<Map<string, Reading>> {
    const { pool, kafka } = this.#parts;
    const readings = new Map<string, Reading>();
    this.#isMissingTopics = false;
    for (const tenant of this.#tenants) {
      const dlqTopic = deadLetterTopicOf(tenant);
      const partitions = (await kafka.partitionsOf(dlqTopic)) ?? 0; // none before the tenant's first topic
      this.#isMissingTopics ||= partitions === 0;
      for (const [dlqPartition, { lowOffset, highOffset }] of await kafka.ranges(dlqTopic, partitions)) {
        const place = { dlqTopic, dlqPartition };
        await dropExpiredLetters(pool, place, lowOffset);
        const stored = await readIndexPosition(pool, place);
        // Beyond the end: the topic was deleted and made anew, and begins anew.
        const nextOffset = stored > highOffset ? lowOffset : Math.max(stored, lowOffset);
        if (nextOffset !== stored) await moveIndexPosition(pool, place, stored, nextOffset);
        readings.set(`${dlqTopic}/${dlqPartition}`, { tenant, ...place, nextOffset });
      }
    }
    return readings;
  }

  async #index(messages: readonly KafkaMessage[]): Promise<void> {
    const byPartition = new Map<Reading, KafkaMessage[]>();
    for (const message of messages) {
      const reading = this.#readings.get(`${message.topic}/${message.partition}`);
      if (reading === undefined || message.offset < reading.nextOffset) continue;
      const listed = byPartition.get(reading);
      if (listed === undefined) byPartition.set(reading, [message]);
      else listed.push(message);
    }
    for (const [reading, listed] of byPartition) await this.#indexPartition(reading, listed);
  }

  async #indexPartition(reading: Reading, messages: readonly KafkaMessage[]): Promise<void> {
    const letters: IndexedLetter[] = [];
    for (const message of messages) {
      const letter = await this.#letterOf(reading, message);
      if (letter !== null) letters.push(letter);
    }
    const next = (messages.at(-1)?.offset ?? -1) + 1;
    await withTransaction(this.#parts.pool, async (client) => {
      if (!(await moveIndexPosition(client, reading, reading.nextOffset, next))) throw movedByAnother(reading);
      if (letters.length > 0) await saveLetters(client, lastOfEach(letters));
    });
    reading.nextOffset = next;
    this.#parts.metrics.indexed.inc(letters.length);
  }

  /** @returns null for what is no dead letter: somebody else wrote it there */
  async #letterOf(reading: Reading, { offset, value }: KafkaMessage): Promise<IndexedLetter | null> {
    const { decoding, metrics, log } = this.#parts;
    try {
      const record = await decoding.letter(value ?? new Uint8Array());
      return indexedLetterOf(record, { ...reading, dlqOffset: offset });
    } catch (error) {
      if (error instanceof MdsError && error.retryable) throw error;
      log.warn({ topic: reading.dlqTopic, offset, reason: reasonOf(error) }, 'a dead letter cannot be read');
      metrics.unreadable.inc();
      return null;
    }
  }
}

const movedByAnother = ({ dlqTopic }: Reading): MdsError =>
  new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: dlqTopic, reason: 'another control plane indexes it too' });
