// Ends everything that was ever started under an MDS_HOME, by its pid files: the newest first, so that what depends on
// something ends before it. Works after a supervisor was killed, from another terminal, and on half a stack.

import { join } from 'node:path';
import { endProcess } from './child.ts';
import type { Places } from './places.ts';
import { isAlive, type ProcessRecord, readProcessRecords, removeProcessRecord } from './process-file.ts';
import { SERVICES } from './services/index.ts';

/** The name under which `make run` itself stands among the pid files. */
export const SUPERVISOR = 'make-run';

/** The project's own processes drain within 10 s (DESIGN §6); a little more than that. */
const PROCESS_GRACE_MS = 12_000;

/** `make run` stops four processes one after the other, then the services at the same time. */
const SUPERVISOR_GRACE_MS = 4 * PROCESS_GRACE_MS + 20_000;

type Say = (line: string) => void;

/**
 * Ends everything, except what is named: first `make run` itself, which ends its parts; then the project's processes one
 * by one; then the services at the same time, since they know nothing of each other.
 *
 * @returns how many processes were ended
 */
export async function stopAll(places: Places, say: Say, except: readonly string[] = []): Promise<number> {
  const recorded = () => readProcessRecords(places.run).filter(({ name }) => !except.includes(name));
  let ended = 0;
  for (const record of recorded().filter(({ name }) => name === SUPERVISOR)) {
    ended += await end(places, record, SUPERVISOR_GRACE_MS, say);
  }
  const graceOf = new Map<string, number>(SERVICES.map(({ name, stopGraceMs }) => [name, stopGraceMs]));
  const rest = recorded().reverse();
  for (const record of rest.filter(({ name }) => !graceOf.has(name))) {
    ended += await end(places, record, PROCESS_GRACE_MS, say);
  }
  const services = rest.filter(({ name }) => graceOf.has(name));
  const counts = await Promise.all(
    services.map((record) => end(places, record, graceOf.get(record.name) ?? PROCESS_GRACE_MS, say)),
  );
  return counts.reduce((sum, count) => sum + count, ended);
}

/** What runs under an MDS_HOME, for a person. */
export function statusText(places: Places): string {
  const lines = readProcessRecords(places.run)
    .filter(isAlive)
    .map(({ name, pid, listens, startedAt }) =>
      [name.padEnd(16), `pid ${pid}`.padEnd(12), listens.join(' ').padEnd(32), `since ${startedAt}`].join('  '),
    );
  if (lines.length === 0) return `Nothing runs (${places.home}).`;
  const count = `${lines.length} ${lines.length === 1 ? 'process runs' : 'processes run'}`;
  return [`${count} (${places.home}):`, ...lines, `Logs: ${join(places.logs, '*.log')}`].join('\n');
}

async function end(places: Places, record: ProcessRecord, graceMs: number, say: Say): Promise<number> {
  const startedMs = performance.now();
  const how = await endProcess(record, graceMs);
  removeProcessRecord(places.run, record.name);
  if (how === 'gone') return 0;
  say(`${record.name} ${how} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  return 1;
}
