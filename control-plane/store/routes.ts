// Statements on the table routes.

import type { SeenTopics } from '../access/seen.ts';
import type { Queryable } from './queryable.ts';

export interface RouteRow {
  readonly routeId: string;
  /** Place in lists; grows with each new one. */
  readonly sequence: number;
  readonly name: string;
  readonly topicId: number;
  readonly topic: string;
  readonly kafkaTopic: string;
  readonly targetTopicId: number;
  readonly target: string;
  readonly targetKafkaTopic: string;
  /** As it was asked for; `plan` has what is mandatory too. */
  readonly filter: string;
  readonly mandatoryFilter: string;
  /** Subject; null: made before there were any. */
  readonly createdBy: string | null;
  readonly plan: unknown;
  /** [partition, offset] */
  readonly start: readonly [number, number][];
  readonly createdAt: Date;
}

export type RouteToInsert = Pick<
  RouteRow,
  'routeId' | 'name' | 'topicId' | 'targetTopicId' | 'filter' | 'mandatoryFilter' | 'createdBy' | 'plan' | 'start'
> & {
  readonly tenant: string;
};

const SELECT = `SELECT r.route_id AS "routeId", r.sequence::float8 AS sequence, r.name, r.topic_id AS "topicId",
  t.name AS topic, t.kafka_topic AS "kafkaTopic", r.target_topic_id AS "targetTopicId", target.name AS target,
  target.kafka_topic AS "targetKafkaTopic", r.filter,
  r.mandatory_filter AS "mandatoryFilter", r.created_by AS "createdBy", r.plan, r.start, r.created_at AS "createdAt"
  FROM routes r
  JOIN topics t ON t.topic_id = r.topic_id AND t.state = 'ready'
  JOIN topics target ON target.topic_id = r.target_topic_id AND target.state = 'ready'`;

/** @returns false when the tenant has a route of that name already */
export async function insertRoute(db: Queryable, row: RouteToInsert): Promise<boolean> {
  const { routeId, tenant, name, topicId, targetTopicId, filter, mandatoryFilter, createdBy, plan, start } = row;
  const { rowCount } = await db.query(
    `INSERT INTO routes (route_id, tenant_id, name, topic_id, target_topic_id, filter, mandatory_filter, created_by, plan,
       start) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
    [
      routeId,
      tenant,
      name,
      topicId,
      targetTopicId,
      filter,
      mandatoryFilter,
      createdBy,
      JSON.stringify(plan),
      JSON.stringify(start),
    ],
  );
  return rowCount === 1;
}

/** @param idOrName either names it */
export async function findRoute(db: Queryable, tenant: string, idOrName: string): Promise<RouteRow | null> {
  const { rows } = await db.query<RouteRow>(`${SELECT} WHERE r.tenant_id = $1 AND (r.route_id = $2 OR r.name = $2)`, [
    tenant,
    idOrName,
  ]);
  return rows[0] ?? null;
}

/** Routes from topics that are seen, behind `afterSequence`, oldest first. */
export async function listRoutes(
  db: Queryable,
  tenant: string,
  seen: SeenTopics,
  afterSequence: number,
  limit: number,
): Promise<RouteRow[]> {
  const { rows } = await db.query<RouteRow>(
    `${SELECT} WHERE r.tenant_id = $1 AND r.sequence > $2 AND ($4::text[] IS NULL OR t.name LIKE ANY($4))
     ORDER BY r.sequence LIMIT $3`,
    [tenant, afterSequence, limit, seen],
  );
  return rows;
}

/** All routes of all tenants whose topics are both there. */
export async function allRoutes(db: Queryable): Promise<RouteRow[]> {
  const { rows } = await db.query<RouteRow>(`${SELECT} ORDER BY r.sequence`);
  return rows;
}

/** Whether events of `target` come back to `topic` by routes; a route from one to the other would then go round. */
export async function leadsTo(db: Queryable, fromTopicId: number, toTopicId: number): Promise<boolean> {
  const { rows } = await db.query<{ leads: boolean }>(
    `WITH RECURSIVE reached (topic_id) AS (
       SELECT $1::integer
       UNION
       SELECT r.target_topic_id FROM routes r JOIN reached ON reached.topic_id = r.topic_id
     )
     SELECT EXISTS (SELECT 1 FROM reached WHERE topic_id = $2) AS leads`,
    [fromTopicId, toTopicId],
  );
  return rows[0]?.leads === true;
}

/** @returns false when there was none */
export async function deleteRoute(db: Queryable, tenant: string, routeId: string): Promise<boolean> {
  const { rowCount } = await db.query('DELETE FROM routes WHERE tenant_id = $1 AND route_id = $2', [tenant, routeId]);
  return rowCount === 1;
}
