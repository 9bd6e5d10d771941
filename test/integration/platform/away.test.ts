// What connects gives up in bounded time, with a code, a reason and one log line, when nothing listens. Needs no service:
// port 1 of loopback refuses.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { Health, listen } from '../../../platform/health.ts';
import { createLogger } from '../../../platform/log.ts';
import {
  asPostgresError,
  createPool,
  isConnectionError,
  waitForPostgres,
  withTransaction,
} from '../../../platform/postgres.ts';
import { connectRedis } from '../../../platform/redis.ts';
import { createRegistry } from '../../../platform/registry.ts';
import { MdsError } from '../../../schemas/errors.ts';

const TIMEOUT_MS = 200;

function watchedLog() {
  const lines: string[] = [];
  return { lines, log: createLogger('test', 'info', { write: (line) => lines.push(line) }) };
}

t.test('Redis', async (t) => {
  const { log, lines } = watchedLog();
  const health = new Health();
  const connecting = connectRedis('redis://127.0.0.1:1', { log, name: 'lane', health, connectTimeoutMs: TIMEOUT_MS });
  await t.rejects(connecting, { code: 'MDS_DEPENDENCY_UNAVAILABLE', message: /^Redis \(lane\).*ECONNREFUSED/ });
  t.equal(lines.length, 1);
  t.match(lines[0], /redis is away, retrying/);
  t.match(health.readiness().reasons, [/^redis lane: .*ECONNREFUSED/]);
});

t.test('Redis, until the signal', async (t) => {
  const { log } = watchedLog();
  const controller = new AbortController();
  const connecting = connectRedis('redis://127.0.0.1:1', { log, name: 'lane', signal: controller.signal });
  setImmediate(() => controller.abort(new MdsError('MDS_SHUTTING_DOWN')));
  await t.rejects(connecting, { code: 'MDS_SHUTTING_DOWN' });
});

t.test('Postgres', async (t) => {
  const { log, lines } = watchedLog();
  const health = new Health();
  const pool = createPool('postgres://mds@127.0.0.1:1/mds', { log });
  t.teardown(() => pool.end());
  const waiting = waitForPostgres(pool, { log, health, connectTimeoutMs: TIMEOUT_MS });
  await t.rejects(waiting, { code: 'MDS_DEPENDENCY_UNAVAILABLE', message: /^Postgres.*ECONNREFUSED/ });
  t.equal(lines.length, 1);
  t.match(health.readiness().reasons, [/^postgres: /]);
  const work = withTransaction(pool, async () => t.fail('there is no connection'));
  await t.rejects(work, { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  const aborted = AbortSignal.abort(new MdsError('MDS_SHUTTING_DOWN'));
  await t.rejects(waitForPostgres(pool, { log, signal: aborted }), { code: 'MDS_SHUTTING_DOWN' });
});

t.test('the registry', async (t) => {
  const registry = createRegistry('http://127.0.0.1:1/apis/ccompat/v7');
  const away = { code: 'MDS_DEPENDENCY_UNAVAILABLE', retryable: true, message: /^The schema registry.*ECONNREFUSED/ };
  await t.rejects(registry.getSchemaById(1), away);
  await t.rejects(registry.register('subject', '"string"'), away);
  await t.rejects(registry.latest('subject'), away);
});

t.test('errors that say "later" are told from those that say "wrong"', async (t) => {
  const withCode = (code: string) => Object.assign(new Error(code), { code });
  for (const code of ['08006', '57P01', '53300', 'ECONNREFUSED', 'ECONNRESET'])
    t.ok(isConnectionError(withCode(code)), code);
  for (const code of ['23505', '42601', '40001', '57014', '']) t.notOk(isConnectionError(withCode(code)), code);
  t.ok(isConnectionError(new Error('Connection terminated unexpectedly')));
  t.ok(isConnectionError(new AggregateError([withCode('ECONNREFUSED')])), 'both addresses of localhost refused');
  t.notOk(isConnectionError('text'));
  const own = new MdsError('MDS_NOT_FOUND');
  t.equal(asPostgresError(own), own);
  for (const code of ['22021', '22P05'])
    t.match(asPostgresError(withCode(code)), { code: 'MDS_REQUEST_INVALID', retryable: false }, 'U+0000 in a text');
});

/** A registry that answers everything with the same status. */
async function aRegistry(test: Pick<typeof t, 'teardown'>, status: number) {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error_code: status * 100 + 3, message: 'as told' }));
  });
  await listen(server, '127.0.0.1', 0);
  test.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { asked, registry: createRegistry(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`) };
}

t.test('a registry with troubles of its own counts as away', async (t) => {
  const { registry } = await aRegistry(t, 503);
  await t.rejects(registry.getSchemaById(1), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
});

t.test('an id that the registry does not know is not asked for again at once', async (t) => {
  const { registry, asked } = await aRegistry(t, 404);
  t.equal(await registry.getSchemaById(7), 'unknown');
  t.equal(await registry.getSchemaById(7), 'unknown');
  t.equal(asked.length, 1);
  t.match(asked[0], '/schemas/ids/7');
  for (let schemaId = 100; schemaId < 200; schemaId++) await registry.getSchemaById(schemaId);
  t.equal(await registry.getSchemaById(7), 'unknown', 'more unknown ids than are remembered');
});

t.test('a refusal without a meaning here stays what it is', async (t) => {
  const { registry } = await aRegistry(t, 403);
  for (const asking of [registry.register('subject', '"string"'), registry.getSchemaById(1)]) {
    t.match(await asking.catch((error: unknown) => error), { status: 403 });
  }
});
