// PostgreSQL: the truth of the control plane. Refuses to run as root, so root lends it another user (see postgres-user.ts).

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { Failure, reasonOf } from '../failure.ts';
import { LOOPBACK, type PortPlan } from '../port-plan.ts';
import { findProgram } from '../programs.ts';
import { postgresDirectory, postgresUser } from './postgres-user.ts';
import type { Service, ServiceCommand, ServiceContext } from './service.ts';

const run = promisify(execFile);

const DATABASE = 'mds';
const SUPERUSER = 'mds';

export const postgres: Service = {
  name: 'postgres',
  title: 'PostgreSQL',
  ports: ['postgres'],
  readyTimeoutMs: 30_000,
  // "fast" shutdown: SIGTERM would wait for clients to leave by themselves
  stopSignal: 'SIGINT',
  stopGraceMs: 10_000,
  prepare,
  probe: ({ ports }) => query(ports, 'postgres', 'SELECT 1').then(() => undefined),
  afterReady: createDatabase,
};

export function postgresUrl(ports: PortPlan, database: string = DATABASE): string {
  return `postgres://${SUPERUSER}@${LOOPBACK}:${ports.postgres}/${database}`;
}

async function prepare({ places, ports }: ServiceContext): Promise<ServiceCommand> {
  const server = await findProgram('postgres');
  const user = postgresUser();
  const directory = await postgresDirectory(places.data, user);
  if (!existsSync(join(directory, 'PG_VERSION'))) await createCluster(directory, user);
  const settings: Readonly<Record<string, string>> = {
    listen_addresses: LOOPBACK,
    port: String(ports.postgres),
    // no socket file: its directory would have to be writable for whichever user this runs as
    unix_socket_directories: '',
    max_connections: '100',
    shared_buffers: '64MB',
    // messages that a test or a person reads are the same on every machine
    lc_messages: 'C',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
  };
  return {
    file: server,
    args: ['-D', directory, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
    ...(user === undefined ? {} : { user }),
  };
}

async function createCluster(directory: string, user: ServiceCommand['user']): Promise<void> {
  const args = ['-D', directory, '-U', SUPERUSER, '-E', 'UTF8', '--locale=C', '--no-sync'];
  // trust: it listens on loopback only, as all of the local stack does; whoever may log in to this machine may use it
  const access = ['--auth-host=trust', '--auth-local=trust'];
  try {
    await run(await findProgram('initdb'), [...args, ...access], { cwd: directory, ...user });
  } catch (error) {
    throw new Failure(`PostgreSQL's data directory ${directory} cannot be prepared: ${reasonOf(error)}`);
  }
}

async function createDatabase({ ports }: ServiceContext): Promise<void> {
  const found = await query(ports, 'postgres', `SELECT 1 FROM pg_database WHERE datname = '${DATABASE}'`);
  if (found === 0) await query(ports, 'postgres', `CREATE DATABASE ${DATABASE}`);
}

/** Runs one statement on a connection of its own and gives the number of rows. */
async function query(ports: PortPlan, database: string, statement: string): Promise<number> {
  const client = new pg.Client({
    connectionString: postgresUrl(ports, database),
    connectionTimeoutMillis: 2_000,
    query_timeout: 10_000,
  });
  // a connection cut while idle is also reported by the statement that is running
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query(statement)).rowCount ?? 0;
  } finally {
    await client.end().catch(() => undefined);
  }
}
