// Statements on the table partition_ownership: the truth about owners and epochs.

import type { PartitionOwnership } from '../ownership/handover.ts';
import type { Queryable } from './queryable.ts';

interface OwnershipRow {
  readonly topicId: number;
  readonly partition: number;
  readonly epoch: number;
  readonly state: 'unowned' | 'owned' | 'revoking';
  readonly workerId: string | null;
  readonly releaseRevision: number | null;
  readonly retired: boolean;
}

const SELECT = `SELECT p.topic_id AS "topicId", p.partition, p.epoch::float8 AS epoch, p.state,
  p.worker_id AS "workerId", p.release_revision::float8 AS "releaseRevision", t.state = 'deleting' AS retired
  FROM partition_ownership p JOIN topics t ON t.topic_id = p.topic_id ORDER BY p.topic_id, p.partition`;

/** Makes sure that each partition of each ready topic has a row. */
export async function addMissingPartitions(db: Queryable): Promise<void> {
  await db.query(
    `INSERT INTO partition_ownership (topic_id, partition)
     SELECT topic_id, generate_series(0, partitions - 1) FROM topics WHERE state = 'ready'
     ON CONFLICT DO NOTHING`,
  );
}

export async function allPartitions(db: Queryable): Promise<PartitionOwnership[]> {
  const { rows } = await db.query<OwnershipRow>(SELECT);
  return rows.map(({ topicId, partition, epoch, retired, ...row }) => ({
    topicId,
    partition,
    epoch,
    retired,
    owner: ownerOf(row),
  }));
}

export async function savePartitions(db: Queryable, rows: readonly PartitionOwnership[]): Promise<void> {
  const owners = rows.map(({ owner }) => owner);
  await db.query(
    `UPDATE partition_ownership p SET epoch = n.epoch, state = n.state, worker_id = n.worker_id,
       release_revision = n.release_revision
     FROM unnest($1::integer[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::bigint[])
       AS n (topic_id, partition, epoch, state, worker_id, release_revision)
     WHERE p.topic_id = n.topic_id AND p.partition = n.partition`,
    [
      rows.map(({ topicId }) => topicId),
      rows.map(({ partition }) => partition),
      rows.map(({ epoch }) => epoch),
      owners.map(({ state }) => state),
      owners.map((owner) => (owner.state === 'unowned' ? null : owner.workerId)),
      owners.map((owner) => (owner.state === 'revoking' ? owner.releaseRevision : null)),
    ],
  );
}

function ownerOf({
  state,
  workerId,
  releaseRevision,
}: Omit<OwnershipRow, 'topicId' | 'partition' | 'epoch' | 'retired'>) {
  if (state === 'unowned' || workerId === null) return { state: 'unowned' } as const;
  if (state === 'owned') return { state, workerId } as const;
  return { state, workerId, releaseRevision: releaseRevision ?? 0 } as const;
}
