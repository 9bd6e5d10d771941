// Postgres: one bounded pool per process, transactions, and telling "the database is away" from "the statement is wrong".

import pg from 'pg';
import { MdsError, reasonOf } from '../schemas/errors.ts';
import type { Health } from './health.ts';
import type { Logger } from './log.ts';
import { retry } from './retry.ts';

export type { Pool } from 'pg';

/** 10: the control plane's statements take milliseconds; more connections would only wait for each other. */
const MAX_CONNECTIONS = 10;
/** 10 s: longer than any statement here may take, shorter than a client's patience. */
const STATEMENT_TIMEOUT_MS = 10_000;
const TCP_CONNECT_TIMEOUT_MS = 3000;
const RECONNECT = { baseMs: 100, maxMs: 2000 } as const;
const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;

export interface PoolOptions {
  readonly log: Logger;
  readonly maxConnections?: number;
  readonly statementTimeoutMs?: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
}

/** Makes the pool; it connects when it is first used. End it with `pool.end()`. */
export function createPool(url: string, { log, ...options }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.maxConnections ?? MAX_CONNECTIONS,
    connectionTimeoutMillis: TCP_CONNECT_TIMEOUT_MS,
    statement_timeout: options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS,
    application_name: options.applicationName ?? 'mds',
  });
  // An idle connection that breaks is only replaced; whoever needs the next one learns whether Postgres is away.
  pool.on('error', (error) => log.warn({ reason: reasonOf(error) }, 'an idle postgres connection was lost'));
  return pool;
}

export interface WaitOptions {
  readonly log: Logger;
  readonly health?: Health;
  readonly signal?: AbortSignal;
  readonly connectTimeoutMs?: number;
}

/**
 * Waits until Postgres answers.
 *
 * @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` when it does not within `connectTimeoutMs`; the signal's reason
 */
export async function waitForPostgres(pool: pg.Pool, options: WaitOptions): Promise<void> {
  const { log, health, signal } = options;
  try {
    await retry(() => pool.query('SELECT 1'), {
      ...RECONNECT,
      attempts: 'forever',
      timeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
      isRetryable: isConnectionError,
      onRetry: (error, attempt) => {
        health?.setReady('postgres', false, reasonOf(error));
        if (attempt === 0) log.warn({ reason: reasonOf(error) }, 'postgres is away, retrying');
      },
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw asPostgresError(error);
  }
  health?.setReady('postgres', true);
}

/**
 * Runs `work` in one transaction: commits when it resolves, rolls back when it rejects.
 *
 * @throws what `work` throws; MdsError `MDS_DEPENDENCY_UNAVAILABLE` when the connection is lost or cannot be had
 */
export async function withTransaction<Result>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect().catch((error: unknown) => {
    throw asPostgresError(error);
  });
  let broken: Error | undefined;
  // While it is checked out the pool does not listen for this client's errors, and nobody listening ends the process.
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    broken ??= await rollBack(client);
    throw asPostgresError(error);
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** @returns why the connection cannot be used again, if so */
async function rollBack(client: pg.PoolClient): Promise<Error | undefined> {
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(reasonOf(error));
  }
}

/** What is thrown when the database is away, or cannot hold a text, becomes an MdsError; anything else stays as it is. */
export function asPostgresError(error: unknown): unknown {
  if (error instanceof MdsError) return error;
  if (error instanceof Error && 'code' in error && NOT_STORABLE.has(error.code)) {
    return new MdsError(
      'MDS_REQUEST_INVALID',
      { problems: ['no text may have the character U+0000'] },
      { cause: error },
    );
  }
  if (!isConnectionError(error)) return error;
  return new MdsError(
    'MDS_DEPENDENCY_UNAVAILABLE',
    { dependency: 'Postgres', reason: reasonOf(error) },
    { cause: error },
  );
}

/** U+0000, in text and in JSON: nothing else that JavaScript sends is no text for Postgres. */
const NOT_STORABLE: ReadonlySet<unknown> = new Set(['22021', '22P05']);

/** Class 08: connection exceptions; 57P01-57P03: shut down, crashed, starting; 53300: too many connections. */
const CONNECTION_STATES = /^(08...|57P0[123]|53300)$/;
const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOENT',
]);
/** Messages of pg and pg-pool, which give these no code. */
const CONNECTION_MESSAGES = /timeout exceeded when trying to connect|Connection terminated|not queryable/;

/** True when the statement may succeed once Postgres is back. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isConnectionError);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return CONNECTION_STATES.test(code) || NETWORK_CODES.has(code) || CONNECTION_MESSAGES.test(error.message);
}
