// Statements on the table subscriptions.

import { isUniqueViolation, type Queryable } from './queryable.ts';

export interface SubscriptionRow {
  readonly subscriptionId: string;
  /** Place in lists; grows with each new one. */
  readonly sequence: number;
  readonly name: string;
  readonly topic: string;
  readonly filter: string;
  readonly fields: readonly string[] | null;
  readonly overflow: 'resume';
  readonly createdAt: Date;
}

export interface SubscriptionDefinition {
  readonly subscriptionId: string;
  readonly tenant: string;
  readonly name: string;
  readonly topicId: number;
  readonly filter: string;
  readonly fields: readonly string[] | null;
  readonly overflow: 'resume';
}

const SELECT = `SELECT s.subscription_id AS "subscriptionId", s.sequence::float8 AS sequence, s.name, t.name AS topic,
  s.filter, s.fields, s.overflow, s.created_at AS "createdAt"
  FROM subscriptions s JOIN topics t ON t.topic_id = s.topic_id AND t.state = 'ready'`;

/** @returns false when the tenant has a subscription of that name already */
export async function insertSubscription(db: Queryable, row: SubscriptionDefinition): Promise<boolean> {
  try {
    await db.query(
      `INSERT INTO subscriptions (subscription_id, tenant_id, name, topic_id, filter, fields, overflow)
       VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [row.subscriptionId, row.tenant, row.name, row.topicId, row.filter, row.fields, row.overflow],
    );
    return true;
  } catch (error) {
    if (isUniqueViolation(error)) return false;
    throw error;
  }
}

export async function findSubscription(db: Queryable, tenant: string, id: string): Promise<SubscriptionRow | null> {
  const { rows } = await db.query<SubscriptionRow>(`${SELECT} WHERE s.tenant_id = $1 AND s.subscription_id = $2`, [
    tenant,
    id,
  ]);
  return rows[0] ?? null;
}

/** Subscriptions behind `afterSequence`, oldest first. */
export async function listSubscriptions(
  db: Queryable,
  tenant: string,
  afterSequence: number,
  limit: number,
): Promise<SubscriptionRow[]> {
  const { rows } = await db.query<SubscriptionRow>(
    `${SELECT} WHERE s.tenant_id = $1 AND s.sequence > $2 ORDER BY s.sequence LIMIT $3`,
    [tenant, afterSequence, limit],
  );
  return rows;
}

/** @returns false when there was none */
export async function deleteSubscription(db: Queryable, tenant: string, id: string): Promise<boolean> {
  const { rowCount } = await db.query('DELETE FROM subscriptions WHERE tenant_id = $1 AND subscription_id = $2', [
    tenant,
    id,
  ]);
  return rowCount === 1;
}
