// The real Kafka, registry, Redis and PostgreSQL that integration tests run on. with-stack.ts starts one for a whole run
// and names it in MDS_TEST_STACK; a test file that is run alone starts its own. Each test file gets its own database, Redis
// prefix and consumer group on it, so that files never meet.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Stack, type StackOptions, startStack } from '../../../deploy/local/local-stack.ts';
import { freePortBase } from './free-port.ts';

export const STACK_VARIABLE = 'MDS_TEST_STACK';

/** What one process tells the other about a stack that runs. */
interface StackAddress {
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface TestStack extends StackAddress {
  /** The handle to stop, kill and pause the services with; null when another process started them. */
  readonly services: Stack | null;
  readonly release: () => Promise<void>;
}

const KEEP_ALIVE_MS = 1000;

/** Tests are about other things than who somebody is, unless they say so. */
const OPEN = { MDS_AUTH: 'off' };

/** The stack of this run, or a new one when there is none. */
export async function acquireStack(): Promise<TestStack> {
  const shared = process.env[STACK_VARIABLE];
  if (shared === undefined || shared === '') return ownStack();
  const { home, env } = JSON.parse(shared) as StackAddress; // with-stack.ts wrote it
  return { home, env: { ...env, ...OPEN }, services: null, release: async () => undefined };
}

/** A stack of the caller's own, to stop and break as it likes. Removed with everything in it by `release`. */
export async function ownStack(
  onProgress?: (line: string) => void,
  layout: Pick<StackOptions, 'kafkaLayout' | 'kafkaSegmentBytes'> = {},
): Promise<TestStack> {
  const home = mkdtempSync(join(tmpdir(), 'mds-test-'));
  const portBase = await freePortBase();
  const services = await startStack({ home, portBase, ...layout, ...(onProgress === undefined ? {} : { onProgress }) });
  return {
    home,
    env: { ...services.env, ...OPEN },
    services,
    release: async () => {
      // the services do not keep this process alive; stopping them has to
      const keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
      await services.stop().finally(() => clearInterval(keepAlive));
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** What separates one test file from all others on the same stack. */
export interface Namespace {
  /** Lower-case letters and digits, to be put into names of topics. */
  readonly id: string;
  readonly env: Readonly<Record<string, string>>;
}

export async function createNamespace(stack: StackAddress): Promise<Namespace> {
  const id = `t${randomBytes(5).toString('hex')}`;
  const postgresUrl = new URL(stack.env.MDS_POSTGRES_URL ?? '');
  const admin = new pg.Client({ connectionString: postgresUrl.href });
  await admin.connect();
  try {
    await admin.query(`CREATE DATABASE ${id}`);
  } finally {
    await admin.end();
  }
  postgresUrl.pathname = `/${id}`;
  return {
    id,
    env: {
      ...stack.env,
      MDS_POSTGRES_URL: postgresUrl.href,
      MDS_REDIS_PREFIX: id,
      MDS_CONSUMER_GROUP: `${id}-workers`,
    },
  };
}
