// What a statement needs: a pool, a client of it, or the leader's own connection. Statements return rows as the database
// gives them; each module types the rows of its own statements.

import type { QueryResult, QueryResultRow } from 'pg';

export interface Queryable {
  query<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<QueryResult<Row>>;
}

/** SQLSTATE of a unique constraint that was violated. */
const UNIQUE_VIOLATION = '23505';

export const isUniqueViolation = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === UNIQUE_VIOLATION;
