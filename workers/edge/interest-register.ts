// Writes the edge's interest to Redis: changes of one moment in one transaction, one transaction at a time. What a failed
// transaction did is unknown, so everything is written again after it; workers see the jump in the sequence and read all.

import type { Logger } from '../../platform/log.ts';
import type { Interest, InterestChange, RedisKeys } from '../../schemas/coordination.ts';
import { INTEREST_SEQ_FIELD } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { InterestSink } from './delivery-options.ts';

/** 10 s: outlives a Redis or edge that stalls for a while, and cleans up after an edge that died. */
const INTEREST_TTL_MS = 10_000;
/** After a failed write; the connection comes back at its own pace. */
const RETRY_MS = 250;

/** The few commands that are used, so that tests need no Redis. */
export interface InterestStore {
  readonly isConnected: boolean;
  /** Runs all commands as one transaction. */
  transact(commands: readonly (readonly (string | number)[])[]): Promise<void>;
  /** @returns how many fields the hash has, 0 when it does not exist */
  expire(key: string, ttlMs: number): Promise<number>;
}

export interface InterestRegisterOptions {
  readonly edgeId: string;
  readonly keys: RedisKeys;
  readonly store: InterestStore;
  readonly log: Logger;
  /** All wishes as they stand. */
  readonly all: () => Iterable<Interest>;
}

type Wish = { readonly interest: Interest } | { readonly removedGeneration: number };

export class InterestRegister implements InterestSink {
  readonly #options: InterestRegisterOptions;
  /** Not written yet; by channel, so it is bounded by the number of channels. */
  readonly #pending = new Map<string, Wish>();
  #seq = 0;
  #mustWriteAll = true;
  #writing: Promise<void> | null = null;
  #retryTimer: NodeJS.Timeout | null = null;
  /** So that a Redis that is away is logged once. */
  #isFailing = false;
  #isClosed = false;

  constructor(options: InterestRegisterOptions) {
    this.#options = options;
  }

  /** False while Redis may not know all wishes. */
  get isWritten(): boolean {
    return !this.#mustWriteAll && this.#pending.size === 0 && this.#writing === null;
  }

  assertReachable(): void {
    if (this.#options.store.isConnected) return;
    throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: 'the connection is lost' });
  }

  add(interest: Interest): void {
    this.#pending.set(interest.channel, { interest });
    this.#planWrite();
  }

  remove(channel: string, generation: number): void {
    this.#pending.set(channel, { removedGeneration: generation });
    this.#planWrite();
  }

  /** Redis may have forgotten everything: writes all of it again. */
  writeAll(): void {
    this.#mustWriteAll = true;
    this.#planWrite();
  }

  /** Keeps the interest alive, and notices when Redis has lost it. */
  async refresh(): Promise<void> {
    const { store, keys, edgeId } = this.#options;
    const wasWritten = this.isWritten;
    const seq = this.#seq;
    const fields = await store.expire(keys.interest(edgeId), INTEREST_TTL_MS);
    // Redis may have forgotten everything and been told of some wishes since: then the hash is there, but not whole.
    const isWhole = !wasWritten || seq !== this.#seq || fields === this.#wishCount() + 1;
    if (fields === 0 || !isWhole) this.writeAll();
  }

  #wishCount(): number {
    let count = 0;
    for (const _interest of this.#options.all()) count += 1;
    return count;
  }

  /** Withdraws everything, at the end of the process. */
  async withdraw(): Promise<void> {
    this.#isClosed = true;
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    await this.#writing;
    const { keys, edgeId, store } = this.#options;
    this.#seq += 2;
    const change: InterestChange = { edgeId, seq: this.#seq, add: [], remove: [] };
    await store.transact([
      ['del', keys.interest(edgeId)],
      ['publish', keys.notifyInterest, JSON.stringify(change)],
    ]);
  }

  #planWrite(): void {
    if (this.#writing || this.#retryTimer || this.#isClosed) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = null;
      if (this.#retryTimer === null && (this.#mustWriteAll || this.#pending.size > 0)) this.#planWrite();
    });
  }

  async #write(): Promise<void> {
    await Promise.resolve(); // lets all changes of this moment come along
    try {
      await this.#writeUntilDone();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) {
        this.#options.log.warn({ reason: reasonOf(error) }, 'interest could not be written, it will be written again');
      }
      this.#isFailing = true;
      this.#mustWriteAll = true;
      this.#retryTimer = setTimeout(() => {
        this.#retryTimer = null;
        this.#planWrite();
      }, RETRY_MS).unref();
    }
  }

  async #writeUntilDone(): Promise<void> {
    const { store } = this.#options;
    while ((this.#mustWriteAll || this.#pending.size > 0) && !this.#isClosed) {
      const commands = this.#mustWriteAll ? this.#everything() : this.#changes();
      this.#mustWriteAll = false;
      this.#pending.clear();
      await store.transact(commands);
    }
  }

  #everything(): (string | number)[][] {
    const { keys, edgeId, all } = this.#options;
    const key = keys.interest(edgeId);
    this.#seq += 2; // a jump: readers of changes read the whole hash
    const fields: string[] = [];
    for (const interest of all()) fields.push(interest.channel, JSON.stringify(interest));
    const change: InterestChange = { edgeId, seq: this.#seq, add: [], remove: [] };
    return [
      ['del', key],
      ['hset', key, INTEREST_SEQ_FIELD, this.#seq, ...fields],
      ['pexpire', key, INTEREST_TTL_MS],
      ['publish', keys.notifyInterest, JSON.stringify(change)],
    ];
  }

  #changes(): (string | number)[][] {
    const { keys, edgeId } = this.#options;
    const key = keys.interest(edgeId);
    this.#seq += 1;
    const add: Interest[] = [];
    const remove: InterestChange['remove'] = [];
    for (const [channel, wish] of this.#pending) {
      if ('interest' in wish) add.push(wish.interest);
      else remove.push({ channel, generation: wish.removedGeneration });
    }
    const change: InterestChange = { edgeId, seq: this.#seq, add, remove };
    const commands: (string | number)[][] = [['hset', key, INTEREST_SEQ_FIELD, this.#seq]];
    if (add.length > 0) {
      const fields = add.flatMap((interest) => [interest.channel, JSON.stringify(interest)]);
      commands.push(['hset', key, ...fields]);
    }
    if (remove.length > 0) commands.push(['hdel', key, ...remove.map(({ channel }) => channel)]);
    commands.push(['pexpire', key, INTEREST_TTL_MS], ['publish', keys.notifyInterest, JSON.stringify(change)]);
    return commands;
  }
}
