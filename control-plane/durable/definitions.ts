// The definitions of durable subscriptions in Redis: what edges need to know of them, so that they never ask the control
// plane. With a subscription goes everything that Redis holds of it.

import type { Redis } from '../../platform/redis.ts';
import { MAX_GROUP_SHARDS } from '../../schemas/api/subscription.ts';
import { readMessage } from '../../schemas/coordination.ts';
import { DurableDefinition, type DurableKeys, LEDGER_MINUTES } from '../../schemas/durable.ts';
import type { SubscriptionRow } from '../store/subscriptions.ts';
import { completePosition } from './start-position.ts';

/** Edges may write a minute that has just begun, or one that is nearly too old. */
const LEDGER_MARGIN_MINUTES = 5;

export function definitionOf(row: SubscriptionRow): DurableDefinition {
  const { subscriptionId, tenant, name, topicId, filter, mandatoryFilter, fields, state, groupKey, groupShards } = row;
  const { ackTimeoutMs, backoffBaseMs, backoffMaxMs, maxAttempts, maxInFlight, revision } = row;
  return {
    id: subscriptionId,
    tenant,
    name,
    topicId,
    filter: row.plannedFilter ?? filter,
    mandatoryFilter,
    fields: fields === null ? null : [...fields],
    state,
    ackTimeoutMs,
    backoffBaseMs,
    backoffMaxMs,
    maxAttempts,
    maxInFlight,
    group: groupKey === null || groupShards === null ? null : { key: [...groupKey], shards: groupShards },
    seek: { revision: row.seekRevision, position: completePosition(row.seekPosition, row.partitions) },
    revision,
  };
}

export const shardCountOf = ({ group }: Pick<DurableDefinition, 'group'>): number => group?.shards ?? 1;

/**
 * Writes what differs (after a restart of Redis: everything), and clears away what is gone.
 *
 * @returns true when something did
 */
export async function writeDefinitions(
  redis: Redis,
  keys: DurableKeys,
  definitions: readonly DurableDefinition[],
  nowMs: number,
): Promise<boolean> {
  const present = await redis.hgetall(keys.definitions);
  const isComplete = (await redis.exists(keys.definitionsComplete)) === 1;
  const wanted = new Map(definitions.map((definition) => [definition.id, JSON.stringify(definition)]));
  const changed = [...wanted].filter(([id, text]) => present[id] !== text);
  const gone = Object.entries(present).filter(([id]) => !wanted.has(id));
  if (changed.length === 0 && gone.length === 0 && isComplete) return false;
  const multi = redis.multi();
  multi.set(keys.definitionsComplete, '1'); // with the last missing one, in one step
  if (changed.length > 0) multi.hset(keys.definitions, Object.fromEntries(changed));
  for (const [id, text] of gone) {
    multi.hdel(keys.definitions, id);
    multi.unlink(...keysOf(keys, id, shardsIn(text), nowMs));
  }
  for (const [id] of [...changed, ...gone]) multi.publish(keys.notify, id);
  await multi.exec();
  return true;
}

/** A definition that cannot be read may have had as many as there can be. */
function shardsIn(text: string): number {
  try {
    return shardCountOf(readMessage(DurableDefinition, text));
  } catch {
    return MAX_GROUP_SHARDS; // it goes all the same
  }
}

/** Everything Redis holds of a subscription besides its definition. */
function keysOf(keys: DurableKeys, id: string, shardCount: number, nowMs: number): string[] {
  const shards = Array.from({ length: shardCount }, (_, shard) => shard);
  const minute = Math.floor(nowMs / 60_000);
  const minutes = Array.from(
    { length: LEDGER_MINUTES + 2 * LEDGER_MARGIN_MINUTES },
    (_, back) => minute + LEDGER_MARGIN_MINUTES - back,
  );
  return [
    keys.consumers(id),
    keys.trail(id),
    ...shards.flatMap((shard) => [keys.shard(id, shard), keys.redrive(id, shard), keys.dead(id, shard)]),
    ...minutes.map((each) => keys.ledger(id, each)),
  ];
}
