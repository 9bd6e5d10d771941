// `make run`: starts everything on this machine, watches it, shows one live line, and stops everything in reverse order when
// asked to (Ctrl-C, SIGTERM) or when a part dies.

import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { lastLines } from './child.ts';
import { Failure, failAndExit, reasonOf } from './failure.ts';
import { checkBindAddress, type LocalIdentity, localIdentity } from './local-identity.ts';
import { type Stack, startStack } from './local-stack.ts';
import { placesOf, ROOT } from './places.ts';
import { DEFAULT_PORT_BASE, type PortName, portPlan } from './port-plan.ts';
import {
  bootId,
  isAlive,
  readProcessRecords,
  removeProcessRecord,
  startTicks,
  writeProcessRecord,
} from './process-file.ts';
import { apiUrl, howItEnded, type ProjectProcess, type Role, startProcess } from './processes.ts';
import { SERVICE_NAMES } from './services/index.ts';
import { fetchTotals, formatTotals, LOG_EVERY_MS, redrawn, TERMINAL_EVERY_MS } from './status-line.ts';
import { SUPERVISOR, stopAll } from './stop-all.ts';

const run = promisify(execFile);

const PROCESS_PORTS: readonly PortName[] = [
  'controlPlane',
  'edge',
  'edgeHealth',
  'streamWorkerHealth',
  'collectorHealth',
  'ingest',
  'rollupHealth',
  'query',
];

/** Null while MDS_AUTH=off. */
let identity: LocalIdentity | null = null;
let statusTimer: NodeJS.Timeout | undefined;
const places = placesOf(process.env.MDS_HOME);
const startedMs = performance.now();
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const seconds = (sinceMs: number) => `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;

/** Why the run ends: somebody asked, or a part ended by itself. */
type End =
  | { readonly asked: NodeJS.Signals }
  | { readonly died: string; readonly how: string; readonly logFile: string };

async function main(): Promise<void> {
  // before anything else is written: the signals of a person who changes their mind at once
  const asked = new Promise<End>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        say(`${process.stdout.isTTY ? '\n' : ''}Stopping (${signal}) …`);
        resolve({ asked: signal });
      });
    }
  });
  checkBindAddress(process.env);
  await becomeSupervisor();
  const kept = servicesThatRan();
  let end: End;
  try {
    const up = bringUp().then((died) => ({ died }));
    up.catch(() => undefined); // stopped while starting: that its parts then fail to start is no news
    const first = await Promise.race([up, asked.then((request) => ({ request }))]);
    end = 'request' in first ? first.request : await Promise.race([asked, first.died(), showStatus()]);
  } catch (error) {
    await stopEverything(kept);
    throw error;
  }
  if ('died' in end) say(deathNotice(end));
  await stopEverything(kept);
  process.exit('died' in end ? 1 : 0);
}

/** Refuses when another one runs under this MDS_HOME; ends processes that a killed one left behind. */
async function becomeSupervisor(): Promise<void> {
  const records = readProcessRecords(places.run).filter(isAlive);
  const other = records.find(({ name }) => name === SUPERVISOR);
  if (other !== undefined) {
    throw new Failure(
      `make run already runs here (pid ${other.pid}, since ${other.startedAt}): its page is ${other.listens[0] ?? 'not up yet'}. ` +
        'Stop it with make stop, or start a second one with MDS_HOME and MDS_PORT_BASE set to something else.',
    );
  }
  mkdirSync(places.run, { recursive: true });
  const leftBehind = records.filter(({ name }) => !SERVICE_NAMES.some((service) => service === name));
  if (leftBehind.length > 0) {
    say(`A run that was killed left ${leftBehind.map(({ name }) => name).join(', ')} behind; stopping that first.`);
    await stopAll(places, say, SERVICE_NAMES);
  }
  writeProcessRecord(places.run, {
    name: SUPERVISOR,
    pid: process.pid,
    startTicks: startTicks(process.pid) ?? 0,
    bootId: bootId(),
    stopSignal: 'SIGTERM',
    startedAt: new Date().toISOString(),
    listens: [apiUrl(portPlan(process.env))],
  });
}

/** Services that `make stack` had started before: used, and left running at the end. */
function servicesThatRan(): readonly string[] {
  return readProcessRecords(places.run)
    .filter((record) => isAlive(record) && SERVICE_NAMES.some((name) => name === record.name))
    .map(({ name }) => name);
}

/** Starts all of it, and gives a way to wait for any part to end by itself. */
async function bringUp(): Promise<() => Promise<End>> {
  identity = process.env.MDS_AUTH === 'off' ? null : localIdentity(places, apiUrl(portPlan(process.env)));
  say(`Starting the stack (data and logs in ${places.home}) …`);
  const [stack] = await Promise.all([
    startStack({ alsoNeedsPorts: PROCESS_PORTS, onProgress: (line) => say(`  ✓ ${line}`) }),
    buildPage(),
  ]);
  const processes = await Promise.all(
    (['control-plane', 'stream-worker', 'edge', 'ingest', 'rollup', 'query'] as const).map((role) =>
      start(role, stack),
    ),
  );
  processes.push(await start('collector', stack));
  say(welcome(stack));
  return () => firstDeath(stack, processes);
}

async function start(role: Role, stack: Stack): Promise<ProjectProcess> {
  const sinceMs = performance.now();
  const started = await startProcess(role, stack, { env: identity?.envFor(role) ?? {} });
  say(`  ✓ ${started.name} ready after ${seconds(sinceMs)}`);
  return started;
}

async function buildPage(): Promise<void> {
  try {
    await run(process.execPath, ['client/page/build.ts'], { cwd: ROOT });
  } catch (error) {
    throw new Failure(`The page could not be built: ${reasonOf(error)}`);
  }
}

function firstDeath(stack: Stack, processes: readonly ProjectProcess[]): Promise<End> {
  return Promise.race([
    stack.unexpectedEnd.then((name) => ({ died: name, how: 'ended', logFile: `${places.logs}/${name}.log` })),
    ...processes.map(({ name, ended, logFile }) =>
      ended.then((end) => ({ died: name, how: howItEnded(end), logFile })),
    ),
  ]);
}

function welcome({ ports, env }: Stack): string {
  const url = apiUrl(ports);
  return `
Ready after ${seconds(startedMs)}.

${pageLines(url)}  Ingest    POST http://127.0.0.1:${ports.ingest}/v1/topics/{topic}/events (docs/ingest.md)
  Data      GET http://127.0.0.1:${ports.query}/v1/topics/{topic}/aggregate (docs/data-access.md)
${exportLine(url, env, ports)}  Try       ./mds topics
            ./mds subscribe host.metrics --filter 'name == "cpu.usage"' --format table
            ./mds status
  Logs      make logs      (${places.logs})

Ctrl-C stops everything.
`;
}

/** With the default ports and home `mds` needs no variables; with others it must be told where things are. */
function exportLine(url: string, env: Stack['env'], { query }: Stack['ports']): string {
  const elsewhere = {
    MDS_API_URL: url,
    MDS_QUERY_URL: `http://127.0.0.1:${query}`,
    MDS_KAFKA_BROKERS: env.MDS_KAFKA_BROKERS,
    MDS_REGISTRY_URL: env.MDS_REGISTRY_URL,
  };
  const settings = {
    ...(places.home === placesOf(undefined).home ? {} : { MDS_HOME: places.home }),
    ...(url === `http://127.0.0.1:${DEFAULT_PORT_BASE}` ? {} : elsewhere),
  };
  const texts = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return texts.length === 0 ? '' : `  First     export ${texts.join(' ')}\n`;
}

/** No URL has the key in it, for URLs are kept and shown around; it is shown once, since what a terminal shows is kept too. */
function pageLines(url: string): string {
  const page = `  Page      ${url}/`;
  if (identity === null) {
    return `${page}\n  Keys      none: with MDS_AUTH=off everybody on this machine may do everything\n`;
  }
  const { isNew, operatorKey, file } = identity;
  if (!isNew) return `${page}   sign in with the operator's key\n  Key       in ${file}, where ./mds finds it\n`;
  return `${page}   sign in with this key
  Key       ${operatorKey}
            of the operator; shown this once, and kept in ${file}, where ./mds finds it
`;
}

/** Never resolves: shows the live line until the run ends. */
function showStatus(): Promise<never> {
  const url = apiUrl(portPlan(process.env));
  const terminal = process.stdout.isTTY;
  let asking = false;
  const show = async () => {
    if (asking) return; // a slow answer is waited for, not piled up
    asking = true;
    const text = await fetchTotals(url, identity?.operatorKey ?? null).then(formatTotals, (error: unknown) => {
      return `control plane does not answer: ${reasonOf(error)}`;
    });
    asking = false;
    if (statusTimer === undefined) return; // the run ended while it was asked
    process.stdout.write(terminal ? redrawn(text, process.stdout.columns) : `${text}\n`);
  };
  statusTimer = setInterval(() => void show(), terminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS);
  return new Promise<never>(() => undefined);
}

function deathNotice({ died, how, logFile }: Extract<End, { died: string }>): string {
  return `\n${died} died (${how}); stopping the rest. The last lines of ${logFile}:\n${lastLines(logFile)}\n`;
}

async function stopEverything(kept: readonly string[]): Promise<void> {
  clearInterval(statusTimer);
  statusTimer = undefined;
  const sinceMs = performance.now();
  const count = await stopAll(places, (line) => say(`  ✓ ${line}`), [SUPERVISOR, ...kept]);
  if (kept.length > 0)
    say(`  Left running, as make stack had started ${kept.length === 1 ? 'it' : 'them'}: ${kept.join(', ')}`);
  if (count > 0) say(`Stopped in ${seconds(sinceMs)}.`);
  removeProcessRecord(places.run, SUPERVISOR);
}

main().catch(failAndExit);
