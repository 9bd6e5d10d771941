// What the figures of a run depend on and a reader must know: the machine, the versions of everything, the revision.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { KAFKA_JARS, ROOT } from '../deploy/local/places.ts';
import type { Machine, Result } from './result.ts';

/** To be called before the run begins. */
export function machine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    loadBefore: loadavg()[0] ?? 0,
  };
}

const PACKAGES = ['node-rdkafka', 'ioredis', 'uWebSockets.js', 'avsc', 'piscina'] as const;

export function versions(): Record<string, string> {
  const packages = PACKAGES.map((name) => [name, packageVersion(name)] as const);
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    ...Object.fromEntries(packages),
    kafka: said('ls', [KAFKA_JARS]).match(/kafka-clients-([\d.]+)\.jar/)?.[1] ?? 'unknown',
    redis: said('redis-server', ['--version']).match(/v=([\d.]+)/)?.[1] ?? 'unknown',
  };
}

export function revision(): Result['git'] {
  const head = said('git', ['-C', ROOT, 'rev-parse', 'HEAD']).trim();
  const changes = said('git', ['-C', ROOT, 'status', '--porcelain', '--untracked-files=no']).trim();
  return { revision: head || 'unknown', changed: changes !== '' };
}

function packageVersion(name: string): string {
  const text = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
  return String(JSON.parse(text).version);
}

/** What a program prints; nothing when it is not there: a missing version must not stop a run. */
function said(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}
