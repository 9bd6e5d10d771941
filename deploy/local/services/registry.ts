// The schema registry: Apicurio, which speaks the Confluent API at /apis/ccompat/v7. Its store is a file (H2), because schema
// ids stand in records that Kafka keeps: a registry that forgot them would make those records unreadable, or worse.

import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import { REGISTRY_DIRECTORY } from '../places.ts';
import { LOOPBACK, type PortPlan } from '../port-plan.ts';
import { findProgram } from '../programs.ts';
import type { Service, ServiceCommand, ServiceContext } from './service.ts';

export const registry: Service = {
  name: 'registry',
  title: 'schema registry',
  ports: ['registry'],
  readyTimeoutMs: 60_000,
  stopSignal: 'SIGTERM',
  stopGraceMs: 10_000,
  prepare,
  probe,
};

/** The base address of the Confluent API. */
export function registryUrl(ports: PortPlan): string {
  return `http://${LOOPBACK}:${ports.registry}/apis/ccompat/v7`;
}

async function prepare({ places, ports }: ServiceContext): Promise<ServiceCommand> {
  const java = await findProgram('java');
  const directory = join(places.data, 'registry');
  await mkdir(directory, { recursive: true });
  return {
    file: java,
    args: [
      '-Xms64m',
      '-Xmx384m',
      '-XX:+UseSerialGC',
      // never busy: a quick start is worth more here than peak speed
      '-XX:TieredStopAtLevel=1',
      '-Xshare:auto',
      `-Dquarkus.http.host=${LOOPBACK}`,
      `-D%prod.quarkus.http.port=${ports.registry}`,
      // WRITE_DELAY=0: an id that was handed out is on disk, also after kill -9. CLOSE_DELAY: stay open between connections
      `-D%prod.quarkus.datasource.jdbc.url=jdbc:h2:file:${join(directory, 'store')};WRITE_DELAY=0;DB_CLOSE_DELAY=-1`,
      // its default of 20 open connections to a store in the same process only slows the start
      '-D%prod.quarkus.datasource.jdbc.initial-size=2',
      '-D%prod.quarkus.datasource.jdbc.min-size=2',
      '-D%prod.quarkus.datasource.jdbc.max-size=20',
      '-Dquarkus.log.console.json=false',
      '-jar',
      await runnerJar(),
    ],
  };
}

async function runnerJar(): Promise<string> {
  const names = await readdir(REGISTRY_DIRECTORY).catch(() => []);
  const jar = names.find((name) => name.endsWith('-runner.jar'));
  if (jar === undefined) throw new Failure('The schema registry has not been downloaded yet: run make setup.');
  return join(REGISTRY_DIRECTORY, jar);
}

async function probe({ ports }: ServiceContext): Promise<void> {
  const response = await fetch(`${registryUrl(ports)}/subjects`, { signal: AbortSignal.timeout(2_000) });
  const body: unknown = await response.json();
  if (!response.ok || !Array.isArray(body)) throw new Error(`GET /subjects was answered by ${response.status}`);
}
