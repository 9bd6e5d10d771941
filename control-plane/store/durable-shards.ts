// Statements on the table durable_shards: states of shards, some seconds old.

import type { Queryable } from './queryable.ts';

export interface ShardCheckpoint {
  readonly subscriptionId: string;
  readonly shard: number;
  readonly epoch: number;
  /** JSON text of a ShardState. */
  readonly state: string;
}

export async function findCheckpoints(db: Queryable, subscriptionIds: readonly string[]): Promise<ShardCheckpoint[]> {
  const { rows } = await db.query<ShardCheckpoint>(
    `SELECT subscription_id AS "subscriptionId", shard, epoch::float8 AS epoch, state::text AS state
     FROM durable_shards WHERE subscription_id = ANY($1)`,
    [subscriptionIds],
  );
  return rows;
}

/** A state of an older epoch never replaces one of a newer; those whose subscription is gone are left out. */
export async function saveCheckpoints(db: Queryable, checkpoints: readonly ShardCheckpoint[]): Promise<void> {
  await db.query(
    `INSERT INTO durable_shards (subscription_id, shard, epoch, state)
     SELECT n.subscription_id, n.shard, n.epoch, n.state::jsonb
       FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[]) AS n (subscription_id, shard, epoch, state)
       JOIN subscriptions s ON s.subscription_id = n.subscription_id
     ON CONFLICT (subscription_id, shard) DO UPDATE
       SET epoch = excluded.epoch, state = excluded.state, updated_at = now()
       WHERE durable_shards.epoch <= excluded.epoch`,
    [
      checkpoints.map(({ subscriptionId }) => subscriptionId),
      checkpoints.map(({ shard }) => shard),
      checkpoints.map(({ epoch }) => epoch),
      checkpoints.map(({ state }) => state),
    ],
  );
}
