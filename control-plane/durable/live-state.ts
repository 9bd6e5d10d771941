// Who consumes durable subscriptions and how far they are, from what edges write into Redis and from the ends of the
// topics in Kafka.

import type { Redis } from '../../platform/redis.ts';
import type { SubscriptionLive } from '../../schemas/api/subscription.ts';
import { readMessage } from '../../schemas/coordination.ts';
import { END_OF_RECORD } from '../../schemas/cursor.ts';
import {
  CONSUMER_TTL_MS,
  DurableConsumer,
  type DurableDefinition,
  type DurableKeys,
  ShardOwner,
  ShardState,
} from '../../schemas/durable.ts';
import { encodeResumeToken } from '../../schemas/resume-token.ts';
import type { StoredPosition, SubscriptionRow } from '../store/subscriptions.ts';
import { definitionOf } from './definitions.ts';
import { firstState } from './shard-states.ts';
import { completePosition, positionOf } from './start-position.ts';

/** Last offset + 1 of each partition; null when Kafka does not say. */
export type EndOffsets = ReadonlyMap<number, number> | null;

/** Fields `owner`, `epoch`, `leaseUntilMs`, `state` of a shard's hash. */
type ShardFields = readonly (string | null)[];

/**
 * @param endsOf end offsets of a row's topic
 * @returns in the order of the rows
 * @throws what ioredis throws when Redis is away
 */
export async function readLiveStates(
  redis: Redis,
  keys: DurableKeys,
  rows: readonly SubscriptionRow[],
  endsOf: (row: SubscriptionRow) => Promise<EndOffsets>,
): Promise<SubscriptionLive[]> {
  const pipeline = redis.pipeline().time();
  for (const row of rows) {
    pipeline.hvals(keys.consumers(row.subscriptionId));
    for (let shard = 0; shard < (row.groupShards ?? 1); shard++) {
      pipeline.hmget(keys.shard(row.subscriptionId, shard), 'owner', 'epoch', 'leaseUntilMs', 'state');
    }
  }
  const answers = ((await pipeline.exec()) ?? []).map(([error, answer]) => {
    if (error) throw error;
    return answer as string[]; // each of these commands answers with a list
  });
  const [seconds, micros] = answers.shift() ?? [];
  const nowMs = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  const states: SubscriptionLive[] = [];
  for (const row of rows) {
    const consumers = (answers.shift() ?? []).map((text) => readMessage(DurableConsumer, text));
    const shards = answers.splice(0, row.groupShards ?? 1);
    states.push(liveStateOf(row, consumers, shards, await endsOf(row), nowMs));
  }
  return states;
}

/** @param nowMs by Redis' clock, as all times it holds */
export function liveStateOf(
  row: SubscriptionRow,
  consumers: readonly DurableConsumer[],
  shards: readonly ShardFields[],
  ends: EndOffsets,
  nowMs: number,
): SubscriptionLive {
  const definition = definitionOf(row);
  const shown = shards.map((fields, shard) => shardStatusOf(row, definition, shard, fields, ends, nowMs));
  const live = consumers
    .filter(({ seenMs }) => nowMs - seenMs < CONSUMER_TTL_MS)
    .sort((a, b) => a.joinedMs - b.joinedMs)
    .map(({ consumer, edgeId, joinedMs, seenMs }) => ({
      consumer,
      edgeId,
      joinedAt: new Date(joinedMs).toISOString(),
      seenAt: new Date(seenMs).toISOString(),
      shards: shown.filter((status) => status.consumer === consumer).map(({ shard }) => shard),
    }));
  const lags = shown.map(({ lagRecords }) => lagRecords);
  return {
    consumers: live,
    activeConsumer: definition.group === null ? (shown[0]?.consumer ?? null) : null,
    inFlight: shown.reduce((sum, { inFlight }) => sum + inFlight, 0),
    lagRecords: lags.reduce((most, lag) => (most === null || lag === null ? null : Math.max(most, lag)), 0),
    shards: shown,
  };
}

function shardStatusOf(
  { topicId, partitions }: SubscriptionRow,
  definition: DurableDefinition,
  shard: number,
  [ownerText, epoch, leaseUntilMs, stateText]: ShardFields,
  ends: EndOffsets,
  nowMs: number,
): SubscriptionLive['shards'][number] {
  const isOwned = ownerText && Number(leaseUntilMs ?? 0) > nowMs;
  const owner = isOwned ? readMessage(ShardOwner, ownerText) : null;
  const stored = stateText ? readMessage(ShardState, stateText) : firstState(definition);
  // A seek that no owner has seen yet has moved it all the same.
  const state = stored.seekRevision < definition.seek.revision ? firstState(definition) : stored;
  const floor = completePosition(state.floor, partitions);
  return {
    shard,
    consumer: owner?.consumer ?? null,
    edgeId: owner?.edgeId ?? null,
    epoch: Number(epoch ?? 0),
    position: encodeResumeToken({ topicId, position: positionOf(floor) }),
    inFlight: state.attempts.length,
    lagRecords: ends === null ? null : lagOf(floor, ends),
  };
}

/** A record of which the first events are settled still counts. */
function lagOf(floor: StoredPosition, ends: ReadonlyMap<number, number>): number {
  return floor.reduce((sum, [partition, offset, index]) => {
    const nextOffset = index >= END_OF_RECORD ? offset + 1 : offset;
    return sum + Math.max(0, (ends.get(partition) ?? 0) - nextOffset);
  }, 0);
}
