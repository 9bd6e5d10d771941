// Statements on the table issuers.

import type { IssuerKeys, IssuerTenant, TOKEN_ALGORITHMS } from '../../schemas/identity/directory.ts';
import type { Grant, Role } from '../../schemas/identity/identity.ts';
import type { Queryable } from './queryable.ts';

export interface IssuerWish {
  readonly issuerId: string;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly algorithms: readonly (typeof TOKEN_ALGORITHMS)[number][];
  readonly keys: IssuerKeys;
  readonly clockSkewSeconds: number;
  readonly maxTokenAgeSeconds: number;
  readonly tenant: IssuerTenant;
  readonly roles: readonly Role[];
  readonly grants: readonly Grant[];
  readonly grantsClaim: string | null;
}

export interface IssuerRow extends IssuerWish {
  /** Place in lists; grows with each new one. */
  readonly sequence: number;
  readonly createdAt: Date;
}

const SELECT = `SELECT issuer_id AS "issuerId", sequence::float8 AS sequence, issuer, audiences, algorithms, keys,
  clock_skew_seconds AS "clockSkewSeconds", max_token_age_seconds AS "maxTokenAgeSeconds", tenant, roles, grants,
  grants_claim AS "grantsClaim", created_at AS "createdAt" FROM issuers`;

const valuesOf = (row: IssuerWish): unknown[] => [
  row.issuerId,
  row.issuer,
  row.audiences,
  row.algorithms,
  JSON.stringify(row.keys),
  row.clockSkewSeconds,
  row.maxTokenAgeSeconds,
  JSON.stringify(row.tenant),
  row.roles,
  JSON.stringify(row.grants),
  row.grantsClaim,
];

/** @returns false when there is one for the same `iss` */
export async function insertIssuer(db: Queryable, row: IssuerWish): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO issuers (issuer_id, issuer, audiences, algorithms, keys, clock_skew_seconds, max_token_age_seconds,
       tenant, roles, grants, grants_claim) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (issuer) DO NOTHING`,
    valuesOf(row),
  );
  return rowCount === 1;
}

/** All but its `iss`, which is what it is known by. @returns false when there is none */
export async function saveIssuer(db: Queryable, row: IssuerWish): Promise<boolean> {
  const { rowCount } = await db.query(
    `UPDATE issuers SET audiences = $3, algorithms = $4, keys = $5, clock_skew_seconds = $6, max_token_age_seconds = $7,
       tenant = $8, roles = $9, grants = $10, grants_claim = $11 WHERE issuer_id = $1 AND issuer = $2`,
    valuesOf(row),
  );
  return rowCount === 1;
}

export async function allIssuers(db: Queryable): Promise<IssuerRow[]> {
  return (await db.query<IssuerRow>(`${SELECT} ORDER BY sequence`)).rows;
}

/** Issuers behind `afterSequence`, oldest first. */
export async function listIssuers(db: Queryable, afterSequence: number, limit: number): Promise<IssuerRow[]> {
  const text = `${SELECT} WHERE sequence > $1 ORDER BY sequence LIMIT $2`;
  return (await db.query<IssuerRow>(text, [afterSequence, limit])).rows;
}

export async function findIssuer(db: Queryable, issuerId: string): Promise<IssuerRow | null> {
  return (await db.query<IssuerRow>(`${SELECT} WHERE issuer_id = $1`, [issuerId])).rows[0] ?? null;
}

/** @returns false when there was none */
export async function deleteIssuer(db: Queryable, issuerId: string): Promise<boolean> {
  return (await db.query('DELETE FROM issuers WHERE issuer_id = $1', [issuerId])).rowCount === 1;
}
