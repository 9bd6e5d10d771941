// Reads the edges' interest from Redis into the table: changes as they are told, everything of an edge when a change was
// missed, everything of all edges before a partition is begun, and a look now and then whether something went by unheard.

import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import {
  INTEREST_SEQ_FIELD,
  Interest,
  InterestChange,
  type RedisKeys,
  readMessage,
} from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { InterestTable } from './interest-table.ts';

/** A change is heard at once; this is only for what was not heard. */
const ANTI_ENTROPY_INTERVAL_MS = 2000;
/** An edge restarts its heartbeat within 3 s; two more are for a Redis that restarts empty. */
const EDGE_DEAD_MS = 5000;

export interface InterestReaderOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly table: InterestTable;
  readonly log: Logger;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

export class InterestReader {
  readonly #options: InterestReaderOptions;
  readonly #lastSeenMs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  readonly #reading = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();

  constructor(options: InterestReaderOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#compare().catch((error) => this.#couldNotRead(error));
    }, ANTI_ENTROPY_INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A message of `notify:interest`. */
  hear(text: string): void {
    const change = readMessage(InterestChange, text);
    this.#lastSeenMs.set(change.edgeId, this.#options.now());
    if (this.#options.table.applyChange(change) === 'jump') {
      this.#readEdgeSoon(change.edgeId).catch((error) => this.#couldNotRead(error));
    }
  }

  /**
   * Reads the interest of all edges; what was written before the call is in the table when it resolves. Calls that come
   * while a reading runs share the one after it.
   */
  readAll(): Promise<void> {
    if (!this.#running) return this.#begin();
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  /** All that an edge wants of a topic, as Redis has it now; null when nothing is known of the edge there either. */
  async interestOf(edgeId: string, topicId: number): Promise<Interest[] | null> {
    await this.#readChanged([edgeId]);
    return this.#options.table.interestOf(edgeId, topicId);
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    const running = this.#readEdges().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #readEdges(): Promise<void> {
    const { redis, keys } = this.#options;
    const edgeIds = await redis.smembers(keys.edges);
    await this.#readChanged([...new Set([...edgeIds, ...this.#options.table.edgeIds()])]);
  }

  /** An edge whose last change is known is known altogether; with many channels that is most of the reading saved. */
  async #readChanged(edgeIds: readonly string[]): Promise<void> {
    const { redis, keys, table } = this.#options;
    await Promise.all(
      edgeIds.map(async (edgeId) => {
        const seq = await redis.hget(keys.interest(edgeId), INTEREST_SEQ_FIELD);
        if (seq !== null && Number(seq) !== table.seqOf(edgeId)) await this.#readEdge(edgeId);
      }),
    );
  }

  /** One reading of an edge at a time; another jump meanwhile means one more. */
  async #readEdgeSoon(edgeId: string): Promise<void> {
    if (this.#reading.has(edgeId)) {
      this.#again.add(edgeId);
      return;
    }
    const reading = this.#readEdge(edgeId);
    this.#reading.set(edgeId, reading);
    try {
      await reading;
    } finally {
      this.#reading.delete(edgeId);
      if (this.#again.delete(edgeId)) await this.#readEdgeSoon(edgeId);
    }
  }

  /** An edge whose key is gone is left as it is: a Redis that restarted is no edge that went. */
  async #readEdge(edgeId: string): Promise<void> {
    const { redis, keys, table, now } = this.#options;
    const hash = await redis.hgetall(keys.interest(edgeId));
    const seq = hash[INTEREST_SEQ_FIELD];
    if (seq === undefined) return;
    const interests = Object.entries(hash).flatMap(([field, text]) =>
      field === INTEREST_SEQ_FIELD ? [] : this.#readInterest(edgeId, text),
    );
    if (!this.#lastSeenMs.has(edgeId)) this.#lastSeenMs.set(edgeId, now());
    table.replace(edgeId, Number(seq), interests);
  }

  #readInterest(edgeId: string, text: string): Interest[] {
    try {
      return [readMessage(Interest, text)];
    } catch (err) {
      this.#options.log.error({ err, edgeId }, 'an interest cannot be read, its channel gets nothing');
      return [];
    }
  }

  async #compare(): Promise<void> {
    const { redis, keys, table, now, log } = this.#options;
    const edgeIds = new Set([...(await redis.smembers(keys.edges)), ...table.edgeIds()]);
    for (const edgeId of edgeIds) {
      const [alive, seq] = await Promise.all([
        redis.exists(keys.edge(edgeId)),
        redis.hget(keys.interest(edgeId), INTEREST_SEQ_FIELD),
      ]);
      const nowMs = now();
      const lastSeenMs = this.#lastSeenMs.get(edgeId) ?? nowMs;
      if (alive || !this.#lastSeenMs.has(edgeId)) this.#lastSeenMs.set(edgeId, nowMs);
      if (!alive && nowMs - lastSeenMs > EDGE_DEAD_MS) {
        if (table.seqOf(edgeId) >= 0) log.info({ edgeId }, 'edge is gone, its lane is dropped');
        table.drop(edgeId);
        this.#lastSeenMs.delete(edgeId);
      } else if (alive && seq !== null && Number(seq) !== table.seqOf(edgeId)) {
        await this.#readEdge(edgeId);
      }
    }
  }

  /** The connection reports itself when it is away; the next look comes by itself. */
  #couldNotRead(error: unknown): void {
    this.#options.log.debug({ reason: reasonOf(error) }, 'interest could not be read');
  }
}
