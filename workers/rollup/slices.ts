// Slices: the tables that the tables of blocks are partitioned into by time. Made before something is written into them,
// dropped as a whole when they are older than what is kept.

import type { Pool } from 'pg';
import type { Logger } from '../../platform/log.ts';
import { withTransaction } from '../../platform/postgres.ts';
import { type BlockTable, SLICE_LENGTHS } from '../../schemas/rollup/slices.ts';

const BLOCK_TABLES: readonly BlockTable[] = ['rollup_deltas', 'rollup_minutes', 'rollup_hours'];
/** Arbitrary, the same in every worker: creating and dropping takes turns. */
const SLICE_LOCK = 7_236_024;
/** 30 days of deltas, a year of the others: more are not remembered, they are only looked for again. */
const MAX_KNOWN = 1000;
const SLICE_NAME = /^(rollup_deltas|rollup_minutes|rollup_hours)_(\d+)$/;
const isBlockTable = (name: string | undefined): name is BlockTable => BLOCK_TABLES.some((table) => table === name);

export interface Retention {
  /** Slices that end before this are dropped; in the table's own unit since 1970. */
  readonly keptFrom: Readonly<Record<BlockTable, number>>;
}

export class Slices {
  readonly #pool: Pool;
  readonly #log: Logger;
  readonly #known = new Set<string>();

  constructor(pool: Pool, log: Logger) {
    this.#pool = pool;
    this.#log = log;
  }

  /** Makes what is missing for blocks of these minutes, in all tables. @param minutes since 1970 */
  async ensure(minutes: Iterable<number>): Promise<void> {
    const missing = new Map<string, { readonly table: BlockTable; readonly number: number }>();
    for (const minute of minutes) {
      for (const table of BLOCK_TABLES) {
        const start = table === 'rollup_hours' ? minute / 60 : minute;
        const number = Math.floor(start / SLICE_LENGTHS[table]);
        if (!this.#known.has(`${table}_${number}`)) missing.set(`${table}_${number}`, { table, number });
      }
    }
    if (missing.size === 0) return;
    await withTransaction(this.#pool, async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [SLICE_LOCK]);
      for (const [name, { table, number }] of missing) {
        const [from, to] = [number * SLICE_LENGTHS[table], (number + 1) * SLICE_LENGTHS[table]];
        await client.query(
          `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF ${table} FOR VALUES FROM (${from}) TO (${to})`,
        );
      }
    });
    if (this.#known.size > MAX_KNOWN) this.#known.clear();
    for (const name of missing.keys()) this.#known.add(name);
  }

  /** Drops what is older than is kept, and rows of rollups that are gone. */
  async dropOld({ keptFrom }: Retention): Promise<void> {
    const { rows } = await this.#pool.query<{ name: string }>(
      `SELECT child.relname AS name FROM pg_inherits
       JOIN pg_class parent ON parent.oid = inhparent JOIN pg_class child ON child.oid = inhrelid
       WHERE parent.relname IN ('rollup_deltas', 'rollup_minutes', 'rollup_hours')
         AND parent.relnamespace = current_schema()::regnamespace`,
    );
    for (const { name } of rows) {
      const [, table, number] = SLICE_NAME.exec(name) ?? [];
      if (!isBlockTable(table) || (Number(number) + 1) * SLICE_LENGTHS[table] > keptFrom[table]) continue;
      await withTransaction(this.#pool, async (client) => {
        await client.query('SELECT pg_advisory_xact_lock($1)', [SLICE_LOCK]);
        await client.query(`DROP TABLE IF EXISTS ${name}`);
      });
      this.#known.delete(name);
      this.#log.info({ slice: name }, 'aggregates are older than is kept, dropped');
    }
    for (const table of BLOCK_TABLES) {
      await this.#pool.query(
        `DELETE FROM ${table} WHERE rollup_id IN
           (SELECT DISTINCT b.rollup_id FROM ${table} b LEFT JOIN rollups r USING (rollup_id) WHERE r.rollup_id IS NULL)`,
      );
    }
  }

  /** Another worker may have dropped what is known here: what is missing is made again. */
  forget(): void {
    this.#known.clear();
  }
}
