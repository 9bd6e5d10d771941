// The pool and its transactions on a real Postgres.

import t from 'tap';
import { createLogger } from '../../../platform/log.ts';
import { createPool, type Pool, waitForPostgres, withTransaction } from '../../../platform/postgres.ts';
import { acquireStack, createNamespace } from '../harness/stack.ts';

const stack = await acquireStack();
const { env } = await createNamespace(stack);
const log = createLogger('test', 'silent');
const MAX_CONNECTIONS = 2;
const pool = createPool(env.MDS_POSTGRES_URL ?? '', { log, maxConnections: MAX_CONNECTIONS });
await waitForPostgres(pool, { log });
await pool.query('CREATE TABLE items (name text PRIMARY KEY)');
t.teardown(async () => {
  await pool.end();
  await stack.release();
});

const countOf = async (name: string, from: Pool = pool): Promise<number> =>
  (await from.query('SELECT 1 FROM items WHERE name = $1', [name])).rowCount ?? -1;

t.test('a transaction that resolves is committed, and its result handed out', async (t) => {
  const result = await withTransaction(pool, async (client) => {
    await client.query("INSERT INTO items VALUES ('kept')");
    return 'done';
  });
  t.equal(result, 'done');
  t.equal(await countOf('kept'), 1);
});

t.test('a transaction that rejects is rolled back, and its error stays what it is', async (t) => {
  const error = new Error('changed my mind');
  const work = withTransaction(pool, async (client) => {
    await client.query("INSERT INTO items VALUES ('dropped')");
    throw error;
  });
  await t.rejects(work, error);
  t.equal(await countOf('dropped'), 0);
  await t.rejects(
    withTransaction(pool, (client) => client.query('nonsense')),
    { code: '42601' },
  );
});

t.test('no connection is lost by failures, so the pool never runs dry', async (t) => {
  for (let i = 0; i < 3 * MAX_CONNECTIONS; i++) {
    await t.rejects(withTransaction(pool, (client) => client.query('nonsense')));
  }
  t.ok(pool.totalCount <= MAX_CONNECTIONS);
  t.equal(await countOf('kept'), 1);
});

t.test('a connection that is cut in a transaction is a retryable error, and is replaced', async (t) => {
  const work = withTransaction(pool, async (client) => {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    return client.query('SELECT 1');
  });
  await t.rejects(work, { code: 'MDS_DEPENDENCY_UNAVAILABLE', details: { dependency: 'Postgres' } });
  t.equal(await countOf('kept'), 1);
});

t.test('a cut idle connection is logged and replaced, and ends no process', async (t) => {
  const lines: string[] = [];
  const watched = createPool(env.MDS_POSTGRES_URL ?? '', {
    log: createLogger('test', 'warn', { write: (line) => lines.push(line) }),
  });
  t.teardown(() => watched.end());
  const { rows } = await watched.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const lost = new Promise<void>((resolve) => watched.once('error', () => resolve()));
  await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await lost;
  t.match(lines, [/idle postgres connection was lost/]);
  t.equal(await countOf('kept', watched), 1);
});

t.test('a statement that takes too long is ended', async (t) => {
  const hasty = createPool(env.MDS_POSTGRES_URL ?? '', { log, statementTimeoutMs: 50 });
  t.teardown(() => hasty.end());
  await t.rejects(hasty.query('SELECT pg_sleep(5)'), { code: '57014' });
});
