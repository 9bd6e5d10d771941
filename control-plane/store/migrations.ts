// Brings the database to the newest numbered migration, once, whoever starts first: under an advisory lock, each file in
// its own transaction, with its checksum recorded so that an edited old file is noticed and not half applied.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { MdsError } from '../../schemas/errors.ts';
import type { Queryable } from './queryable.ts';

const MIGRATIONS_DIR = new URL('./migrations/', import.meta.url);
const FILE_NAME = /^(\d{4})-[a-z0-9-]+\.sql$/;
/** Arbitrary, but the same in every control plane. */
const MIGRATION_LOCK = 7_236_001;

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** @returns the migrations of this version, in order */
export async function readMigrations(directory: URL = MIGRATIONS_DIR): Promise<Migration[]> {
  const names = orderMigrations(await readdir(directory));
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, directory), 'utf8');
      return { number: numberOf(name), name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * A number may be missing: branches that are written at the same time each take one of their own.
 *
 * @throws when a file is misnamed, or a number stands twice
 */
export function orderMigrations(fileNames: readonly string[]): string[] {
  const sorted = [...fileNames].sort();
  let last = 0;
  for (const name of sorted) {
    const number = numberOf(name);
    if (number <= last) throw new Error(`${name} should have another number: ${number} stands twice`);
    last = number;
  }
  return sorted;
}

function numberOf(fileName: string): number {
  const number = FILE_NAME.exec(fileName)?.[1];
  if (number === undefined) throw new Error(`${fileName} is not a migration: name it NNNN-what-it-does.sql`);
  return Number(number);
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

/**
 * @returns those of `known` that are not applied yet
 * @throws MdsError `MDS_CONFIG_INVALID` when the database was brought further, or otherwise, than this version knows
 */
export function pendingMigrations(known: readonly Migration[], applied: readonly Applied[]): Migration[] {
  const problems = applied.flatMap(({ number, name, checksum }) => {
    const migration = known.find((candidate) => candidate.number === number);
    if (migration === undefined) return [`the database has migration ${name}, which this version does not know`];
    if (migration.checksum !== checksum) return [`migration ${name} was changed after it was applied`];
    return [];
  });
  if (problems.length > 0) throw new MdsError('MDS_CONFIG_INVALID', { problems });
  return known.filter(({ number }) => !applied.some((done) => done.number === number));
}

/**
 * @param client one connection, not a pool: the lock belongs to it
 * @returns names of the migrations applied now
 */
export async function migrate(client: Queryable, migrations: readonly Migration[]): Promise<string[]> {
  await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  try {
    await client.query(
      `CREATE TABLE IF NOT EXISTS migrations (number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    const { rows } = await client.query<Applied>('SELECT number, name, checksum FROM migrations ORDER BY number');
    const pending = pendingMigrations(migrations, rows);
    for (const migration of pending) await apply(client, migration);
    return pending.map(({ name }) => name);
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  }
}

async function apply(client: Queryable, { number, name, sql, checksum }: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query('INSERT INTO migrations (number, name, checksum) VALUES ($1, $2, $3)', [number, name, checksum]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
