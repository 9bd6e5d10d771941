// Statements on the table settings: what was changed at run time.

import type { Queryable } from './queryable.ts';

export interface SettingsRow {
  readonly component: string;
  readonly revision: number;
  readonly overrides: Readonly<Record<string, unknown>>;
  readonly changedBy: string;
  readonly changedAt: Date;
}

const COLUMNS = `component, revision::float8 AS revision, overrides, changed_by AS "changedBy", changed_at AS "changedAt"`;

export async function allSettings(db: Queryable): Promise<SettingsRow[]> {
  const { rows } = await db.query<SettingsRow>(`SELECT ${COLUMNS} FROM settings ORDER BY component`);
  return rows;
}

/** In one statement: two changes at the same time are both kept. */
export async function changeSettings(
  db: Queryable,
  component: string,
  set: Readonly<Record<string, unknown>>,
  unset: readonly string[],
  changedBy: string,
): Promise<SettingsRow> {
  const { rows } = await db.query<SettingsRow>(
    `INSERT INTO settings (component, revision, overrides, changed_by) VALUES ($1, 1, $2::jsonb - $3::text[], $4)
     ON CONFLICT (component) DO UPDATE SET revision = settings.revision + 1,
       overrides = (settings.overrides || $2::jsonb) - $3::text[], changed_by = $4, changed_at = now()
     RETURNING ${COLUMNS}`,
    [component, JSON.stringify(set), unset, changedBy],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('an upsert returned nothing');
  return row;
}
