// Statements on the table token_revocations.

import type { Queryable } from './queryable.ts';

interface RevocationWish {
  readonly revocationId: string;
  readonly issuer: string;
  readonly jti: string | null;
  readonly subject: string | null;
  readonly issuedBefore: Date | null;
  readonly keptUntil: Date;
}

export interface RevocationRow extends RevocationWish {
  /** Place in lists; grows with each new one. */
  readonly sequence: number;
  readonly createdAt: Date;
}

const SELECT = `SELECT revocation_id AS "revocationId", sequence::float8 AS sequence, issuer, jti, subject,
  issued_before AS "issuedBefore", created_at AS "createdAt", kept_until AS "keptUntil" FROM token_revocations`;

/** @returns false when there are `limit` already */
export async function insertRevocation(db: Queryable, row: RevocationWish, limit: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO token_revocations (revocation_id, issuer, jti, subject, issued_before, kept_until)
     SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM token_revocations WHERE kept_until > now()) < $7`,
    [row.revocationId, row.issuer, row.jti, row.subject, row.issuedBefore, row.keptUntil, limit],
  );
  return rowCount === 1;
}

export async function keptRevocations(db: Queryable): Promise<RevocationRow[]> {
  return (await db.query<RevocationRow>(`${SELECT} WHERE kept_until > now() ORDER BY sequence`)).rows;
}

/** Revocations behind `afterSequence`, oldest first. */
export async function listRevocations(db: Queryable, afterSequence: number, limit: number): Promise<RevocationRow[]> {
  const text = `${SELECT} WHERE kept_until > now() AND sequence > $1 ORDER BY sequence LIMIT $2`;
  return (await db.query<RevocationRow>(text, [afterSequence, limit])).rows;
}

export async function findRevocation(db: Queryable, revocationId: string): Promise<RevocationRow | null> {
  return (await db.query<RevocationRow>(`${SELECT} WHERE revocation_id = $1`, [revocationId])).rows[0] ?? null;
}

export async function forgetOldRevocations(db: Queryable): Promise<void> {
  await db.query('DELETE FROM token_revocations WHERE kept_until <= now()');
}
