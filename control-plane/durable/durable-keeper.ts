// The leader's part of durable subscriptions: definitions from Postgres to Redis in every round, states between the two
// every two seconds, and at once when a definition is new.

import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import type { DurableKeys } from '../../schemas/durable.ts';
import type { DeadLetters } from '../dead-letters/dead-letters.ts';
import type { Queryable } from '../store/queryable.ts';
import { allSubscriptions } from '../store/subscriptions.ts';
import { definitionOf, writeDefinitions } from './definitions.ts';
import { LedgerCopier } from './ledger-copier.ts';
import { ShardStates } from './shard-states.ts';

/** What a lost Redis costs is what was acknowledged since: two seconds of duplicates. */
const CHECKPOINT_INTERVAL_MS = 2000;

export interface DurableKeeperParts {
  readonly redis: Redis;
  readonly keys: DurableKeys;
  readonly db: Queryable;
  readonly deadLetters: Pick<DeadLetters, 'look'>;
  readonly log: Logger;
}

export class DurableKeeper {
  readonly #parts: DurableKeeperParts;
  readonly #states: ShardStates;
  readonly #ledger: LedgerCopier;
  #checkpointedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: DurableKeeperParts) {
    this.#parts = parts;
    this.#states = new ShardStates(parts.redis, parts.keys, parts.log);
    this.#ledger = new LedgerCopier(parts);
  }

  /** @param fenced the connection that holds the leader's lock */
  async look(fenced: Queryable): Promise<void> {
    const { redis, keys, db, deadLetters, log } = this.#parts;
    const nowMs = performance.now(); // a clock that is set must not keep anything from happening
    deadLetters.look();
    const definitions = (await allSubscriptions(db)).map(definitionOf);
    this.#ledger.look(
      definitions.map(({ id }) => id),
      nowMs,
    );
    const isChanged = await writeDefinitions(redis, keys, definitions, Date.now());
    if (!isChanged && nowMs - this.#checkpointedMs < CHECKPOINT_INTERVAL_MS) return;
    this.#checkpointedMs = nowMs;
    const { restored } = await this.#states.look(fenced, definitions);
    if (restored > 0)
      log.warn({ shards: restored }, 'Redis had forgotten positions; they are back as of some seconds ago');
  }

  async stop(): Promise<void> {
    await this.#ledger.stop();
  }
}
