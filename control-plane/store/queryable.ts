// What a statement needs: a pool, a client of it, or the leader's own connection. Statements return rows as the database
// gives them; each module types the rows of its own statements.

import type { QueryResult, QueryResultRow } from 'pg';

export interface Queryable {
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<Row>>;
}

/** Runs statements in one transaction: all of them count, or none. */
export type Transact = <Result>(work: (db: Queryable) => Promise<Result>) => Promise<Result>;

/** SQLSTATE of a row that others refer to. */
const FOREIGN_KEY_VIOLATION = '23503';

export const isForeignKeyViolation = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === FOREIGN_KEY_VIOLATION;
