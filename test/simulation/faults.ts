// What goes wrong. Each run draws which kinds of fault there are in it, when they strike and for how long: a run with few
// kinds goes deeper into each, one with all finds how they meet.

import type { SimulatedProcess } from './engine/simulated-process.ts';
import type { RedisConnection } from './network/redis-connection.ts';
import type { World } from './world.ts';

interface Fault {
  readonly name: string;
  readonly weight: number;
  strike(world: World): void;
}

const TAKEOVER_MS = { low: 3000, high: 4800 } as const;
const DURATION_MS = { low: 50, high: 7000 } as const;

const FAULTS: readonly Fault[] = [
  {
    name: 'lane loss',
    weight: 3,
    strike: (w) => messages(w, { loss: w.simulator.random.between(0.05, 0.5), doubling: 0, swapping: 0 }),
  },
  { name: 'lane doubles', weight: 2, strike: (w) => messages(w, { loss: 0, doubling: 0.4, swapping: 0 }) },
  { name: 'lane swaps', weight: 2, strike: (w) => messages(w, { loss: 0, doubling: 0, swapping: 0.3 }) },
  { name: 'redis restart', weight: 1, strike: (w) => redisAway(w, true) },
  { name: 'redis empty', weight: 1, strike: (w) => redisAway(w, false) },
  { name: 'redis cut', weight: 3, strike: (w) => anyConnection(w).cut() },
  { name: 'redis stall', weight: 3, strike: (w) => anyConnection(w).stall(duration(w)) },
  { name: 'worker cut off', weight: 2, strike: cutOff },
  { name: 'worker crash', weight: 2, strike: (w) => w.restart(w.simulator.random.pick(w.workers)) },
  { name: 'worker pause', weight: 2, strike: (w) => pause(w, w.simulator.random.pick(w.workers).running) },
  { name: 'worker slow', weight: 1, strike: slowWorker },
  { name: 'worker drains', weight: 1, strike: drain },
  { name: 'control plane crash', weight: 1, strike: (w) => w.restart(w.simulator.random.pick(w.controlPlanes)) },
  { name: 'control plane pause', weight: 1, strike: (w) => pause(w, w.simulator.random.pick(w.controlPlanes).running) },
  { name: 'postgres cut', weight: 1, strike: (w) => w.postgres.cutAll() },
  { name: 'postgres away', weight: 1, strike: postgresAway },
  { name: 'edge crash', weight: 1, strike: (w) => w.restart(w.simulator.random.pick(w.edges)) },
  { name: 'edge pause', weight: 1, strike: (w) => pause(w, w.simulator.random.pick(w.edges).running) },
  { name: 'client crash', weight: 2, strike: userCrash },
  { name: 'consumer crash', weight: 2, strike: consumerCrash },
  { name: 'client connection', weight: 2, strike: breakWire },
  { name: 'client stops reading', weight: 2, strike: stopReading },
  { name: 'client slow', weight: 2, strike: slowUser },
  { name: 'client leaves', weight: 4, strike: leave },
  { name: 'kafka away', weight: 1, strike: kafkaAway },
  { name: 'kafka retention', weight: 1, strike: retention },
  { name: 'partition growth', weight: 1, strike: (w) => (w.kafka.partitions.length < 4 ? w.grow() : undefined) },
  { name: 'clock set', weight: 1, strike: setClock },
];

/** @returns how many faults have struck so far */
export function injectFaults(
  world: World,
  meanIntervalMs: number,
  without: readonly string[],
  until: () => boolean,
): () => number {
  const { simulator } = world;
  const { random } = simulator;
  const share = random.between(0.1, 1);
  const drawn = FAULTS.filter(({ name }) => random.chance(share) && !without.includes(name));
  let count = 0;
  const next = (): void => {
    simulator.plan(-Math.log(1 - random.next()) * meanIntervalMs, null, 'fault', () => {
      if (until()) return;
      // Some strike together: what one breaks, the other keeps from being mended.
      for (let together = random.chance(0.2) ? 3 : 1; together > 0; together--) {
        const fault = pickWeighted(world, drawn);
        if (!fault) continue;
        count += 1;
        simulator.note(`*** ${fault.name}`, '');
        fault.strike(world);
      }
      next();
    });
  };
  next();
  return () => count;
}

/** Everything works from now on, and whatever is gone comes back. */
export function endFaults(world: World): void {
  const { redis, postgres, kafka } = world;
  redis.healMessages();
  redis.comeBack();
  postgres.isUp = true;
  kafka.unreachableFor.clear();
  for (const { running } of [...world.workers, ...world.edges, ...world.controlPlanes]) running.process.resume();
  for (const { running } of world.workers) running.kernelDelayMs = NORMAL_KERNEL_MS;
  for (const user of world.users) {
    user.thinkMs = 0;
    for (const wire of world.network.wiresOf(user.process)) wire.setReading(true);
  }
  for (const consumer of world.consumers) consumer.isDiligent = true;
  world.revive();
  for (const user of world.users) user.returnToAll();
}

const NORMAL_KERNEL_MS = 0.3;
/** A clock that is set while the process runs; one that is wrong from the beginning may be off by an hour (world.ts). */
const MAX_STEP_MS = 700;

function pickWeighted(world: World, faults: readonly Fault[]): Fault | undefined {
  const total = faults.reduce((sum, { weight }) => sum + weight, 0);
  let left = world.simulator.random.between(0, total);
  return faults.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
}

const duration = ({ simulator }: World): number =>
  DURATION_MS.low * (DURATION_MS.high / DURATION_MS.low) ** simulator.random.next();

const later = (world: World, what: string, action: () => void): void => {
  world.simulator.plan(duration(world), null, what, () => {
    world.simulator.note(`... ${what}`, '');
    action();
  });
};

function messages(world: World, faults: World['redis']['messageFaults']): void {
  world.redis.messageFaults = faults;
  later(world, 'messages arrive again', () => world.redis.healMessages());
}

function redisAway(world: World, keepsData: boolean): void {
  if (!world.redis.isUp) return;
  if (!keepsData) world.durableLedger.redisForgot();
  world.redis.goAway(keepsData);
  later(world, 'redis is back', () => world.redis.comeBack());
}

function anyConnection(world: World): RedisConnection {
  const { random } = world.simulator;
  const processes = [...world.workers, ...world.edges, ...world.controlPlanes];
  const { running } = random.pick(processes);
  const connection = random.pick<RedisConnection>(running.connections);
  world.simulator.note(`    of ${running.process.name}, connection ${running.connections.indexOf(connection)}`, '');
  return connection;
}

function pause(
  world: World,
  {
    process,
  }:
    | World['workers'][number]['running']
    | World['edges'][number]['running']
    | World['controlPlanes'][number]['running'],
): void {
  if (process.isGone || process.isPaused) return;
  world.simulator.note(`    ${process.name}`, '');
  process.pause();
  later(world, `${process.name} goes on`, () => process.resume());
}

/** The network between it and Redis stands still; half of the time it dies meanwhile, with what it said on its way. */
function cutOff(world: World): void {
  const { random } = world.simulator;
  const place = random.pick(world.workers);
  // Half of the time for about as long as it takes to replace it: what it said then arrives beside its successor's words.
  const forMs = random.chance(0.5) ? random.between(TAKEOVER_MS.low, TAKEOVER_MS.high) : duration(world);
  for (const connection of place.running.connections) connection.stall(forMs);
  if (random.chance(0.5)) world.simulator.plan(random.between(0, 3), null, 'dies cut off', () => world.restart(place));
  if (random.chance(0.5)) return;
  // Those who take over are so slow that what it said comes before they have come so far.
  const others = world.workers.filter((other) => other !== place);
  for (const { running } of others) running.kernelDelayMs = random.between(100, 1500);
  world.simulator.plan(forMs + 500, null, 'others are fast again', () => {
    for (const { running } of others) running.kernelDelayMs = NORMAL_KERNEL_MS;
  });
}

function slowWorker(world: World): void {
  const { running } = world.simulator.random.pick(world.workers);
  running.kernelDelayMs = world.simulator.random.between(5, 300);
  later(world, 'the worker is fast again', () => {
    running.kernelDelayMs = NORMAL_KERNEL_MS;
  });
}

function drain(world: World): void {
  const place = world.simulator.random.pick(world.workers);
  const { running } = place;
  if (running.process.isGone) return;
  running.drain();
  later(world, 'the drained worker ends', () => {
    if (place.running === running) world.restart(place);
  });
}

function postgresAway(world: World): void {
  world.postgres.isUp = false;
  world.postgres.cutAll();
  later(world, 'postgres is back', () => {
    world.postgres.isUp = true;
  });
}

function userCrash(world: World): void {
  const user = world.simulator.random.pick(world.users);
  world.simulator.note(`    ${user.name}`, '');
  user.crash();
  later(world, `${user.name} comes back`, () => user.comeBack());
}

function consumerCrash(world: World): void {
  if (world.consumers.length === 0) return;
  const consumer = world.simulator.random.pick(world.consumers);
  world.simulator.note(`    ${consumer.name}`, '');
  consumer.crash();
  later(world, `${consumer.name} comes back`, () => consumer.comeBack());
}

function breakWire(world: World): void {
  const { process } = world.simulator.random.pick<{ readonly process: SimulatedProcess }>([
    ...world.users,
    ...world.consumers,
  ]);
  for (const wire of world.network.wiresOf(process)) wire.break();
}

function stopReading(world: World): void {
  const wires = world.network.wiresOf(world.simulator.random.pick(world.users).process);
  for (const wire of wires) wire.setReading(false);
  later(world, 'the client reads again', () => {
    for (const wire of wires) wire.setReading(true);
  });
}

function slowUser(world: World): void {
  const user = world.simulator.random.pick(world.users);
  user.thinkMs = world.simulator.random.between(10, 800);
  later(world, `${user.name} is fast again`, () => {
    user.thinkMs = 0;
  });
}

function leave(world: World): void {
  const user = world.simulator.random.pick(world.users);
  user.leave();
  later(world, `${user.name} subscribes again`, () => user.returnToAll());
}

function kafkaAway(world: World): void {
  const { process } = world.simulator.random.pick(world.workers).running;
  world.kafka.unreachableFor.add(process);
  later(world, 'kafka answers again', () => world.kafka.unreachableFor.delete(process));
}

function retention(world: World): void {
  const { random } = world.simulator;
  const partition = random.below(world.kafka.partitions.length);
  world.kafka.cut(partition, world.kafka.endOf(partition) - random.below(12));
}

function setClock(world: World): void {
  const { random } = world.simulator;
  const { running } = random.pick([...world.workers, ...world.edges, ...world.controlPlanes]);
  const stepMs = Math.round(random.between(-MAX_STEP_MS, MAX_STEP_MS));
  running.process.clockSkewMs += stepMs;
  world.simulator.note(`    ${running.process.name} by ${stepMs} ms`, '');
}
