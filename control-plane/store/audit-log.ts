// Statements on the table audit_log.

import type { AuditEntry, AuditFilter } from '../../schemas/api/audit.ts';
import type { Queryable } from './queryable.ts';

export interface AuditRow extends Omit<AuditEntry, 'at'> {
  readonly at: Date;
}

export type AuditRowToInsert = Omit<AuditRow, 'sequence' | 'at'>;

const COLUMNS = `sequence::float8 AS sequence, at, tenant_id AS tenant, subject, subject_tenant AS "subjectTenant", address,
  request_id AS "requestId", action, kind, resource_id AS id, outcome, code, before, after`;

export async function insertAuditRow(db: Queryable, row: AuditRowToInsert): Promise<void> {
  await db.query(
    `INSERT INTO audit_log (tenant_id, subject, subject_tenant, address, request_id, action, kind, resource_id, outcome,
       code, before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      row.tenant,
      row.subject,
      row.subjectTenant,
      row.address,
      row.requestId,
      row.action,
      row.kind,
      row.id,
      row.outcome,
      row.code,
      jsonOrNull(row.before),
      jsonOrNull(row.after),
    ],
  );
}

const jsonOrNull = (value: unknown): string | null =>
  value === undefined || value === null ? null : JSON.stringify(value);

/** Newest first, before `beforeSequence`. */
export async function listAuditRows(
  db: Queryable,
  tenant: string,
  filter: Omit<AuditFilter, 'tenant'>,
  beforeSequence: number,
  limit: number,
): Promise<AuditRow[]> {
  const { rows } = await db.query<AuditRow>(
    `SELECT ${COLUMNS} FROM audit_log
     WHERE tenant_id = $1 AND sequence < $2
       AND ($3::text IS NULL OR subject = $3) AND ($4::text IS NULL OR action = $4) AND ($5::text IS NULL OR kind = $5)
       AND ($6::text IS NULL OR resource_id = $6) AND ($7::text IS NULL OR outcome = $7)
       AND ($8::timestamptz IS NULL OR at >= $8) AND ($9::timestamptz IS NULL OR at < $9)
     ORDER BY sequence DESC LIMIT $10`,
    [
      tenant,
      beforeSequence,
      filter.subject ?? null,
      filter.action ?? null,
      filter.kind ?? null,
      filter.id ?? null,
      filter.outcome ?? null,
      filter.from ?? null,
      filter.to ?? null,
      limit,
    ],
  );
  return rows;
}

/** @returns how many rows were deleted */
export async function pruneAuditLog(
  db: Queryable,
  keep: { readonly days: number; readonly rows: number },
  atMost: number,
): Promise<number> {
  const { rows } = await db.query<{ pruned: number }>('SELECT prune_audit_log($1, $2, $3) AS pruned', [
    keep.days,
    keep.rows,
    atMost,
  ]);
  return rows[0]?.pruned ?? 0;
}
