// All live queries of this process: equal ones are one. Looks twice a second at those whose rollup has changed, and at who
// reads: an identity that is none any more, or has other grants, is sent away.

import type { LiveMessage, LiveQuery as LiveRequest } from '../../../schemas/api/live.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { AggregateService } from '../rollup/aggregate-service.ts';
import { aggregateRequestOf, aggregateWish } from '../rollup/aggregate-wish.ts';
import type { AskedRollup, Rollups } from '../rollup/rollups.ts';
import { bucketMs, windowsOf } from '../rollup/windows.ts';
import { endMessage, LiveQuery } from './live-query.ts';
import { LiveReader, type LiveSink } from './live-reader.ts';

/** How late a change may be told beside the flush itself; also how soon a revoked identity is noticed. */
const TURN_MS = 500;
/** A reader that takes nothing for so long is gone or useless. */
const MAX_FULL_MS = 60_000;
const DEFAULT_WINDOWS = 5;

export interface LiveQueriesOptions {
  readonly rollups: Pick<Rollups, 'of'>;
  readonly service: Pick<AggregateService, 'answer'>;
  /** As the authenticator's. */
  readonly current: (identity: Identity) => Identity | null;
  readonly maxReaders: number;
  readonly maxReadersPerTenant: number;
  readonly maxRows: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** A turn broke: a bug. */
  readonly onBug: (error: unknown) => void;
}

interface Running {
  readonly query: LiveQuery;
  readonly rollup: AskedRollup;
  readonly topic: CatalogTopic;
}

interface Reading {
  readonly identity: Identity;
  readonly running: Running;
}

export interface LiveSubscription {
  resume(): void;
  leave(): void;
}

export class LiveQueries {
  readonly #options: LiveQueriesOptions;
  readonly #running = new Map<string, Running>();
  readonly #readings = new Map<LiveReader, Reading>();
  /** Readers that have a place but no first answer yet, by tenant, and those that read. */
  readonly #perTenant = new Map<string, number>();
  #count = 0;
  #timer: NodeJS.Timeout | undefined;
  #turning: Promise<void> | null = null;

  constructor(options: LiveQueriesOptions) {
    this.#options = options;
  }

  get readers(): number {
    return this.#readings.size;
  }

  get queries(): number {
    return this.#running.size;
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#turning) return;
      this.#turning = this.#turn()
        .catch(this.#options.onBug)
        .finally(() => {
          this.#turning = null;
        });
    }, TURN_MS);
  }

  /** Sends everybody to another process. */
  stop(): void {
    clearInterval(this.#timer);
    for (const { query } of this.#running.values()) query.endAll(new MdsError('MDS_SHUTTING_DOWN'));
    this.#running.clear();
    this.#readings.clear();
  }

  /** The rollup has changed. */
  touch(rollupId: number): void {
    for (const { query, rollup } of this.#running.values()) if (rollup.rollupId === rollupId) query.touch();
  }

  /** @throws MdsError as an aggregation, or `MDS_LIVE_TOO_MANY`: nothing was written then */
  async subscribe(
    identity: Identity,
    topic: CatalogTopic,
    request: LiveRequest,
    sink: LiveSink,
  ): Promise<LiveSubscription> {
    const release = this.#place(identity.tenant);
    try {
      const rollup = await this.#options.rollups.of(topic);
      const reader = new LiveReader(sink, this.#options.maxRows);
      const running = this.#runningFor(identity, topic, rollup, request); // no turn may come between this and joining
      await running.query.join(reader);
      this.#readings.set(reader, { identity, running });
      return {
        resume: () => reader.resume(this.#options.now()),
        leave: () => {
          this.#readings.delete(reader);
          running.query.leave(reader);
          release();
        },
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  #place(tenant: string): () => void {
    const { maxReaders, maxReadersPerTenant } = this.#options;
    const ofTenant = this.#perTenant.get(tenant) ?? 0;
    if (ofTenant >= maxReadersPerTenant) throw new MdsError('MDS_LIVE_TOO_MANY', { limit: maxReadersPerTenant });
    if (this.#count >= maxReaders) throw new MdsError('MDS_LIVE_TOO_MANY', { limit: maxReaders });
    this.#perTenant.set(tenant, ofTenant + 1);
    this.#count += 1;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#count -= 1;
      const left = (this.#perTenant.get(tenant) ?? 1) - 1;
      if (left === 0) this.#perTenant.delete(tenant);
      else this.#perTenant.set(tenant, left);
    };
  }

  #runningFor(identity: Identity, topic: CatalogTopic, rollup: AskedRollup, request: LiveRequest): Running {
    const { service, maxRows, now } = this.#options;
    const { windows = DEFAULT_WINDOWS, ...query } = request;
    const wish = aggregateWish(aggregateRequestOf(query), identity, topic.name, rollup, now());
    const windowAt = (nowMs: number) =>
      windowsOf(wish.windowMs, nowMs - (windows - 1) * wish.windowMs, nowMs + bucketMs('second'));
    windowAt(now()); // refuses what is no window before anything else
    const key = JSON.stringify([wish.key, windows, wish.readable.isUnrestricted]);
    const known = this.#running.get(key);
    if (known) return known;
    const begin: LiveMessage = {
      type: 'begin',
      topic: topic.name,
      windowSeconds: wish.windowMs / 1000,
      windows,
      groupBy: wish.groupBy,
      functions: wish.functions,
    };
    const compute = async () => {
      const answer = await service.answer(topic.name, rollup, wish, windowAt(now()));
      if (answer.rows.length > maxRows) throw new MdsError('MDS_ANSWER_TOO_LARGE', { limit: maxRows });
      return answer;
    };
    const running = { query: new LiveQuery({ compute, begin, now }), rollup, topic };
    this.#running.set(key, running);
    return running;
  }

  async #turn(): Promise<void> {
    this.#checkReaders();
    for (const [key, running] of [...this.#running]) {
      const { query, rollup, topic } = running;
      if (!query.isWanted) {
        this.#running.delete(key);
        continue;
      }
      const present = await this.#rollupOf(topic);
      if (present !== null && present.rollupId !== rollup.rollupId) {
        query.endAll(new MdsError('MDS_LIVE_CHANGED', { what: `the rollup of ${topic.name}` }));
        this.#running.delete(key);
        continue;
      }
      await query.refresh();
    }
  }

  /** Null: it cannot be told now. */
  async #rollupOf(topic: CatalogTopic): Promise<AskedRollup | null> {
    try {
      return await this.#options.rollups.of(topic);
    } catch (error) {
      if (error instanceof MdsError) return null;
      throw error;
    }
  }

  #checkReaders(): void {
    const nowMs = this.#options.now();
    for (const [reader, { identity, running }] of [...this.#readings]) {
      const problem = this.#problemOf(reader, identity, nowMs);
      if (problem === null) continue;
      running.query.leave(reader);
      this.#readings.delete(reader);
      reader.end(endMessage(problem));
    }
  }

  #problemOf(reader: LiveReader, identity: Identity, nowMs: number): MdsError | null {
    const current = this.#options.current(identity);
    if (current === null) return new MdsError('MDS_UNAUTHENTICATED');
    if (current !== identity) return new MdsError('MDS_LIVE_CHANGED', { what: 'what this identity may read' });
    if (reader.fullSinceMs !== null && nowMs - reader.fullSinceMs > MAX_FULL_MS) {
      return new MdsError('MDS_LIVE_TOO_SLOW');
    }
    return null;
  }
}
