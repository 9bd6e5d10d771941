// A control plane inside the test's own process, on the real stack, in a namespace of its own: its routes are called over
// HTTP, its Redis and Postgres are the test's too.

import { Redis } from 'ioredis';
import pg from 'pg';
import type { Test } from 'tap';
import { ControlPlaneConfig } from '../../../control-plane/config.ts';
import { startControlPlane } from '../../../control-plane/control-plane.ts';
import { loadConfig } from '../../../platform/config.ts';
import { Health } from '../../../platform/health.ts';
import { createLogger } from '../../../platform/log.ts';
import { createMetrics } from '../../../platform/metrics.ts';
import { type RedisKeys, redisKeys } from '../../../schemas/coordination.ts';
import { managed } from '../harness/managed.ts';
import { acquireStack, createNamespace, type Namespace } from '../harness/stack.ts';

/** Whatever the API answered, parsed. */
export type Answer = Awaited<ReturnType<typeof call>>;

export interface Surroundings {
  readonly namespace: Namespace;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly db: pg.Pool;
}

/** A database, a Redis prefix and connections to both, for one test file. */
export async function surroundings(t: Test): Promise<Surroundings> {
  const stack = await acquireStack();
  const namespace = await createNamespace(stack);
  const { MDS_REDIS_URL = '', MDS_POSTGRES_URL = '' } = namespace.env;
  const redis = new Redis(MDS_REDIS_URL);
  const db = new pg.Pool({ connectionString: MDS_POSTGRES_URL, max: 2 });
  db.on('error', () => undefined); // tests end connections on purpose
  t.teardown(async () => {
    redis.disconnect();
    await db.end();
    await stack.release();
  });
  return { namespace, redis, keys: redisKeys(namespace.id), db };
}

export interface ControlPlane {
  readonly url: string;
  readonly health: Health;
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  stop(): Promise<void>;
}

export async function runControlPlane(
  t: Test,
  { namespace }: Surroundings,
  env: Readonly<Record<string, string>> = {},
): Promise<ControlPlane> {
  const config = loadConfig(ControlPlaneConfig, {
    ...namespace.env,
    MDS_HTTP_PORT: '0',
    MDS_LOG_LEVEL: 'silent',
    ...env,
  });
  const health = new Health();
  const abort = new AbortController();
  const running = await startControlPlane({
    config,
    health,
    log: createLogger('control', 'silent'),
    metrics: createMetrics('control'),
    signal: abort.signal,
    ...managed('control', ControlPlaneConfig, config),
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= running.stop();
    return stopped;
  };
  t.teardown(stop);
  const url = `http://127.0.0.1:${running.port}`;
  return { url, health, stop, call: (...request) => call(url, ...request) };
}

export async function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  const response = await fetch(new URL(path, url), {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}
