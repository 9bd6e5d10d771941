// A schedule of faults drawn from the seed: what breaks, when, and for how long. The same seed breaks the same things in
// the same order. Whatever it was, when all is well again nothing may be missing.

import { setTimeout as sleep } from 'node:timers/promises';
import type { TestProcess } from '../../integration/harness/processes.ts';
import { LINES, type ProxiedService, startProxiedService } from '../framework/proxied-service.ts';
import type { Run, Scenario } from '../framework/scenario.ts';
import type { FaultStack } from '../framework/stacks.ts';

const FAULTS = 6;
const SHORT_FAULTS = 4;
const MAX_PAUSE_MS = 700;
const MAX_FREEZE_MS = 2500;

interface Target extends ProxiedService {
  readonly run: Run;
  readonly stack: FaultStack;
}

interface Fault {
  readonly name: string;
  readonly weight: number;
  readonly inflict: (target: Target) => Promise<string>;
}

const KINDS: readonly Fault[] = [
  { name: 'kill -9', weight: 3, inflict: (target) => endAndStart(target, 'SIGKILL') },
  { name: 'SIGTERM', weight: 2, inflict: (target) => endAndStart(target, 'SIGTERM') },
  { name: 'freeze', weight: 3, inflict: freeze },
  { name: 'partition', weight: 4, inflict: partition },
  { name: 'cut', weight: 3, inflict: cut },
  { name: 'bad line', weight: 3, inflict: badLine },
  { name: 'kill -9 Redis', weight: 2, inflict: killRedis },
  { name: 'freeze Redis', weight: 1, inflict: freezeRedis },
  { name: 'kill -9 Postgres', weight: 1, inflict: killPostgres },
];

export const randomSchedule: Scenario = {
  id: 'R17',
  title: 'a random schedule of faults',
  seeds: 10,
  timeoutMs: 180_000,
  async run(run) {
    const stack = await run.stack();
    const proxied = await run.shared(() => startProxiedService(run, stack));
    const { clientUrls, lines } = proxied;
    const load = await run.workload(proxied.service, {
      eventsPerSecond: 1500,
      connect: (at) => ({ urls: [clientUrls[Math.floor(at / 2) % clientUrls.length] ?? '', ...clientUrls] }),
    });
    const target = { ...proxied, run, stack };
    for (let at = 0; at < (run.isShort ? SHORT_FAULTS : FAULTS); at++) {
      const fault = drawn(run);
      run.say(`${fault.name}: ${await fault.inflict(target)}`);
      await sleep(run.random.below(MAX_PAUSE_MS));
    }
    for (const name of LINES) lines[name].heal();
    const backMs = await load.progress();
    run.note(`all had events ${(backMs / 1000).toFixed(1)} s after the last fault`);
    return load.settle();
  },
};

function drawn(run: Run): Fault {
  const total = KINDS.reduce((sum, { weight }) => sum + weight, 0);
  let left = run.random.below(total);
  for (const kind of KINDS) {
    if (left < kind.weight) return kind;
    left -= kind.weight;
  }
  throw new Error('weights do not add up');
}

const processesOf = ({ service }: Target): readonly TestProcess[] => [
  ...service.workers,
  ...service.edges,
  service.controlPlane,
];

async function endAndStart(target: Target, signal: 'SIGKILL' | 'SIGTERM'): Promise<string> {
  const victim = target.run.random.pick(processesOf(target));
  await victim.end(signal);
  await sleep(target.run.random.below(MAX_PAUSE_MS));
  await victim.start({ ready: false });
  return victim.name;
}

async function freeze(target: Target): Promise<string> {
  const victim = target.run.random.pick(processesOf(target));
  const forMs = target.run.random.below(2 * MAX_FREEZE_MS);
  victim.signal('SIGSTOP');
  await sleep(forMs);
  victim.signal('SIGCONT');
  return `${victim.name} for ${forMs} ms`;
}

async function partition({ run, lines }: Target): Promise<string> {
  const name = run.random.pick(LINES);
  const forMs = run.random.below(2 * MAX_FREEZE_MS);
  lines[name].partition();
  await sleep(forMs);
  lines[name].heal();
  return `${name} for ${forMs} ms`;
}

async function cut({ run, lines }: Target): Promise<string> {
  const name = run.random.pick(LINES);
  const refuse = run.random.below(2) === 0;
  lines[name].cut({ refuse });
  if (refuse) await sleep(run.random.below(MAX_FREEZE_MS));
  lines[name].heal();
  return refuse ? `${name}, and refused for a while` : name;
}

/** Stays bad until the end, or the next fault of the same line. */
async function badLine({ run, lines }: Target): Promise<string> {
  const name = run.random.pick(LINES);
  lines[name].set({ delayMs: run.random.below(80), jitterMs: 20, lossPercent: 1 });
  return name;
}

async function killRedis({ run, stack }: Target): Promise<string> {
  await stack.services.kill('redis');
  await sleep(run.random.below(MAX_PAUSE_MS));
  await stack.services.start('redis');
  return 'and back';
}

async function freezeRedis({ run, stack }: Target): Promise<string> {
  const forMs = run.random.below(MAX_FREEZE_MS);
  stack.services.pause('redis');
  await sleep(forMs);
  stack.services.resume('redis');
  return `for ${forMs} ms`;
}

async function killPostgres({ run, stack }: Target): Promise<string> {
  await stack.services.kill('postgres');
  await sleep(run.random.below(MAX_PAUSE_MS));
  await stack.services.start('postgres');
  return 'and back';
}
