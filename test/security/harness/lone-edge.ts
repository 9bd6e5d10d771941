// An edge process with a Redis of its own and a played stream worker: what strangers can reach when nothing else runs.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { PlayedWorker } from '../../integration/edge/played-worker.ts';
import { startRedis } from '../../integration/edge/redis-server.ts';
import { TestProcess } from '../../integration/harness/processes.ts';

export interface LoneEdge {
  readonly process: TestProcess;
  /** For client connections. */
  readonly port: number;
  readonly worker: PlayedWorker;
}

export async function startLoneEdge(t: Test, env: Readonly<Record<string, string>> = {}): Promise<LoneEdge> {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const worker = new PlayedWorker({ url: redis.url, prefix: 'test', partitions: 2 });
  await worker.start();
  t.teardown(() => worker.stop());
  const directory = mkdtempSync(join(tmpdir(), 'mds-security-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const process = await TestProcess.create({
    kind: 'edge',
    name: 'edge-1',
    env: { MDS_REDIS_URL: redis.url, MDS_REDIS_PREFIX: 'test', ...env },
    directory,
  });
  t.teardown(async () => {
    if (!t.passing()) console.error(process.logTail());
    await process.dispose();
  });
  await process.start();
  return { process, port: Number(new URL(process.clientUrl).port), worker };
}

/** Resident memory of a process that runs, in bytes. */
export function residentBytes({ pid, name }: TestProcess): number {
  if (pid === undefined) throw new Error(`${name} does not run`);
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1024;
}
