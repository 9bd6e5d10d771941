// Durable subscriptions in Redis, as an edge reads and writes them. Thin: the rules are in the scripts and in the books.

import type { Redis } from '../../../platform/redis.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import {
  CONSUMER_TTL_MS,
  type DeadLetterRequest,
  DurableConsumer,
  type DurableKeys,
  LEDGER_MINUTES,
  RedriveState,
  SHARD_LEASE_MS,
  ShardState,
  TRAIL_ENTRIES,
} from '../../../schemas/durable.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { RecordSnapshot } from './shard-record.ts';
import { ACQUIRE_SHARD, HIDE_CONSUMER, PUSH_BOUNDED, SHOW_CONSUMERS, STORE_SHARD } from './shard-scripts.ts';

/** A consumer of this edge; the times are 0 until Redis has given them. */
export type LocalConsumer = Pick<DurableConsumer, 'consumer' | 'edgeId' | 'connection' | 'joinedMs' | 'connectedMs'>;

export type Acquired =
  | { readonly kind: 'none' }
  | { readonly kind: 'held'; readonly leaseMs: number }
  | { readonly kind: 'taken'; readonly epoch: number; readonly state: ShardState };

export interface Stored {
  readonly kind: 'stored' | 'anew' | 'superseded';
  readonly epoch: number;
}

export interface ShardWrite {
  readonly id: string;
  readonly shard: number;
  readonly owner: string;
  readonly epoch: number;
  readonly state: ShardState;
  readonly record: RecordSnapshot;
  readonly isRelease: boolean;
}

export type Redrive = readonly [cursor: string, state: RedriveState];

/** Hashes of consumers that nobody shows himself in any more go by themselves. */
const CONSUMERS_KEEP_MS = 60_000;
/** Bounds the list while no worker takes requests. */
const MAX_DEAD_LETTERS_LISTED = 10_000;
const MINUTE_MS = 60_000;

export class ShardStore {
  readonly #redis: Redis;
  readonly #keys: DurableKeys;
  readonly #now: () => number;
  #aheadMs = 0;

  /** @param now this edge's clock, which never goes back */
  constructor(redis: Redis, keys: DurableKeys, now: () => number) {
    this.#redis = redis;
    this.#keys = keys;
    this.#now = now;
  }

  /** Redis' clock, as far as it is known. */
  nowMs(): number {
    return this.#now() + this.#aheadMs;
  }

  async showConsumers(id: string, consumers: readonly LocalConsumer[]): Promise<DurableConsumer[]> {
    const mine = consumers.flatMap(({ consumer, edgeId, connection, joinedMs, connectedMs }) => [
      consumer,
      edgeId,
      connection,
      joinedMs,
      connectedMs,
    ]);
    const answer = await this.#run(
      SHOW_CONSUMERS,
      [this.#keys.consumers(id)],
      [CONSUMER_TTL_MS, CONSUMERS_KEEP_MS, this.#keys.notify, id, ...mine],
    );
    const [nowMs, texts] = answer as [number, string[]]; // as the script says
    this.#aheadMs = nowMs - this.#now();
    return texts.map((text) => readMessage(DurableConsumer, text));
  }

  async hideConsumer(id: string, { consumer, connection }: LocalConsumer): Promise<void> {
    await this.#run(HIDE_CONSUMER, [this.#keys.consumers(id)], [consumer, connection, this.#keys.notify, id]);
  }

  async acquire(id: string, shard: number, owner: string): Promise<Acquired> {
    const answer = await this.#run(ACQUIRE_SHARD, [this.#keys.shard(id, shard)], [owner, SHARD_LEASE_MS]);
    const [kind, number, state] = answer as [Acquired['kind'], number, string]; // as the script says
    if (kind === 'taken') return { kind, epoch: number, state: readMessage(ShardState, state) };
    return kind === 'held' ? { kind, leaseMs: number } : { kind };
  }

  async store({ id, shard, owner, epoch, state, record, isRelease }: ShardWrite): Promise<Stored> {
    const { definitions, ledger, trail } = this.#keys;
    const keys = [this.#keys.shard(id, shard), ledger(id, record.minute), trail(id), definitions];
    const answer = await this.#run(STORE_SHARD, keys, [
      owner,
      epoch,
      isRelease ? 0 : SHARD_LEASE_MS,
      JSON.stringify(state),
      shard,
      LEDGER_MINUTES * MINUTE_MS,
      TRAIL_ENTRIES,
      this.#keys.notify,
      id,
      record.counts.length,
      ...record.counts.flat(),
      ...record.trail.map((entry) => JSON.stringify(entry)),
    ]);
    const [kind, storedEpoch] = answer as [Stored['kind'], number]; // as the script says
    return { kind, epoch: storedEpoch };
  }

  async askForDeadLetters(requests: readonly DeadLetterRequest[]): Promise<void> {
    const texts = requests.map((request) => JSON.stringify(request));
    await this.#run(PUSH_BOUNDED, [this.#keys.deadLetters], [MAX_DEAD_LETTERS_LISTED, ...texts]);
  }

  /** @returns those of the cursors that stand in the dead-letter topic */
  async writtenDeadLetters(id: string, shard: number, fields: readonly string[]): Promise<string[]> {
    const values = await this.#redis.hmget(this.#keys.dead(id, shard), ...fields);
    return fields.filter((_, i) => values[i] !== null);
  }

  async forgetDeadLetters(id: string, shard: number, fields: readonly string[]): Promise<void> {
    await this.#redis.hdel(this.#keys.dead(id, shard), ...fields);
  }

  async redrives(id: string, shard: number): Promise<Redrive[]> {
    const fields = await this.#redis.hgetall(this.#keys.redrive(id, shard));
    return Object.entries(fields).map(([cursor, text]) => [cursor, readMessage(RedriveState, text)] as const);
  }

  async finishRedrive(id: string, shard: number, [cursor, state]: Redrive): Promise<void> {
    await this.#redis.hset(this.#keys.redrive(id, shard), cursor, JSON.stringify(state));
  }

  async #run(script: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    if (this.#redis.status !== 'ready') {
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: 'it is not connected' });
    }
    return this.#redis.eval(script, keys.length, ...keys, ...args);
  }
}
