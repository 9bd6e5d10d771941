// The states of shards between Redis and Postgres. Redis holds them as they are; a shard without one gets Postgres'
// copy, or the position that its definition names. What changed in Redis is copied to Postgres.
//
//   Redis ──changed?──▶ durable_shards ──gone from Redis?──▶ Redis, with a much higher epoch

import { createHash } from 'node:crypto';
import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import { readMessage } from '../../schemas/coordination.ts';
import { type DurableDefinition, type DurableKeys, ShardState } from '../../schemas/durable.ts';
import { findCheckpoints, type ShardCheckpoint, saveCheckpoints } from '../store/durable-shards.ts';
import type { Queryable } from '../store/queryable.ts';
import { shardCountOf } from './definitions.ts';

/** A thousand states with nothing in flight are some 200 KB; with everything in flight, 20 MB. */
const READ_AT_ONCE = 200;
/**
 * Added to the checkpointed epoch when Redis has forgotten the real one, which is some seconds newer: owners change by
 * ones, so no owner of before can be of the same epoch as one of after.
 */
const FORGOTTEN_EPOCHS = 1000;

/** Puts a state there unless there is one. KEYS: shard. ARGV: state, epoch. */
const PUT_STATE = `
if redis.call('HEXISTS', KEYS[1], 'state') == 1 then return 0 end
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if epoch < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], 'epoch', ARGV[2]) end
redis.call('HSET', KEYS[1], 'state', ARGV[1])
return 1`;

interface Shard {
  readonly definition: DurableDefinition;
  readonly shard: number;
}

export interface ShardStatesResult {
  readonly created: number;
  readonly restored: number;
  readonly checkpointed: number;
}

export class ShardStates {
  readonly #redis: Redis;
  readonly #keys: DurableKeys;
  readonly #log: Logger;
  /** Digest of what Postgres has of each shard, as far as this process has written it. */
  readonly #saved = new Map<string, string>();

  constructor(redis: Redis, keys: DurableKeys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
  }

  /** @param db the connection that holds the leader's lock: who leads no more must not write an older state */
  async look(db: Queryable, definitions: readonly DurableDefinition[]): Promise<ShardStatesResult> {
    const shards = definitions.flatMap((definition) =>
      Array.from({ length: shardCountOf(definition) }, (_, shard) => ({ definition, shard })),
    );
    this.#forgetAllBut(shards);
    const total = { created: 0, restored: 0, checkpointed: 0 };
    for (let i = 0; i < shards.length; i += READ_AT_ONCE) {
      const { created, restored, checkpointed } = await this.#lookAt(db, shards.slice(i, i + READ_AT_ONCE));
      total.created += created;
      total.restored += restored;
      total.checkpointed += checkpointed;
    }
    return total;
  }

  async #lookAt(db: Queryable, shards: readonly Shard[]): Promise<ShardStatesResult> {
    const pipeline = this.#redis.pipeline();
    for (const shard of shards) pipeline.hmget(this.#keyOf(shard), 'epoch', 'state');
    const answers = await pipeline.exec();
    const missing: Shard[] = [];
    const changed: (ShardCheckpoint & { readonly digest: string })[] = [];
    for (const [i, shard] of shards.entries()) {
      const [error, fields] = answers?.[i] ?? [null, null];
      if (error) throw error;
      const [epoch, state] = fields as [string | null, string | null]; // what HMGET of two fields answers
      if (state === null) {
        missing.push(shard);
        continue;
      }
      const digest = createHash('sha1').update(`${epoch}\n${state}`).digest('base64');
      if (this.#saved.get(nameOf(shard)) === digest) continue;
      if (!this.#isReadable(shard, state)) {
        this.#saved.set(nameOf(shard), digest); // said once; what cannot be read must not replace what can
        continue;
      }
      changed.push({ ...placeOf(shard), epoch: Number(epoch ?? 0), state, digest });
    }
    if (changed.length > 0) await saveCheckpoints(db, changed);
    for (const { subscriptionId, shard, digest } of changed) this.#saved.set(`${subscriptionId}/${shard}`, digest);
    const restored = missing.length === 0 ? 0 : await this.#create(db, missing);
    return { created: missing.length - restored, restored, checkpointed: changed.length };
  }

  /** @returns how many of them Postgres knew */
  async #create(db: Queryable, shards: readonly Shard[]): Promise<number> {
    const checkpoints = await findCheckpoints(db, [...new Set(shards.map(({ definition }) => definition.id))]);
    const known = new Map(checkpoints.map((found) => [`${found.subscriptionId}/${found.shard}`, found]));
    const pipeline = this.#redis.pipeline();
    for (const shard of shards) {
      const checkpoint = known.get(nameOf(shard));
      const state = checkpoint?.state ?? JSON.stringify(firstState(shard.definition));
      const epoch = checkpoint === undefined ? 0 : checkpoint.epoch + FORGOTTEN_EPOCHS;
      pipeline.eval(PUT_STATE, 1, this.#keyOf(shard), state, epoch);
    }
    for (const id of new Set(shards.map(({ definition }) => definition.id))) pipeline.publish(this.#keys.notify, id);
    const answers = await pipeline.exec();
    const failed = answers?.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
    return shards.filter((shard) => known.has(nameOf(shard))).length;
  }

  #isReadable(shard: Shard, state: string): boolean {
    try {
      readMessage(ShardState, state);
      return true;
    } catch (err) {
      this.#log.error({ err, ...placeOf(shard) }, 'the state of a shard cannot be read, and is not checkpointed');
      return false;
    }
  }

  #keyOf({ definition, shard }: Shard): string {
    return this.#keys.shard(definition.id, shard);
  }

  #forgetAllBut(shards: readonly Shard[]): void {
    if (this.#saved.size <= shards.length) return;
    const names = new Set(shards.map(nameOf));
    for (const name of this.#saved.keys()) if (!names.has(name)) this.#saved.delete(name);
  }
}

/** Where a shard begins that nobody has worked on yet. */
export const firstState = ({ seek }: DurableDefinition): ShardState => ({
  seekRevision: seek.revision,
  floor: seek.position,
  settled: [],
  attempts: [],
});

const nameOf = ({ definition, shard }: Shard): string => `${definition.id}/${shard}`;
const placeOf = ({ definition, shard }: Shard) => ({ subscriptionId: definition.id, shard });
