// Which port each part of the local stack listens on: a base and fixed offsets, so that a second stack on the same machine
// needs one number changed, and MDS_PORT_<NAME> to move a single one. Everything listens on loopback only.

import { Failure } from './failure.ts';

export const LOOPBACK = '127.0.0.1';

/** Below the kernel's ephemeral range (32768…), so that an outgoing connection never takes one of our ports. */
export const DEFAULT_PORT_BASE = 9400;

const OFFSETS = {
  controlPlane: 0,
  kafka: 1,
  kafkaController: 2,
  registry: 3,
  redis: 4,
  postgres: 5,
  // edges take two ports each (clients, health), stream workers one, so that tests can start several of both
  edge: 11,
  edgeHealth: 12,
  streamWorkerHealth: 21,
  collectorHealth: 31,
  // a cluster of three brokers, in tests
  kafka2: 32,
  kafkaController2: 33,
  kafka3: 34,
  kafkaController3: 35,
  ingest: 36,
  rollupHealth: 37,
  query: 38,
} as const;

export type PortName = keyof typeof OFFSETS;
export type PortPlan = Readonly<Record<PortName, number>>;

/** How many edges, and how many stream workers, one local stack has ports for. */
export const MAX_EDGES = 5;
export const MAX_STREAM_WORKERS = 10;

/** The ports from the base on that belong to one stack. */
export const PORT_SPAN = 40;

const PORT_NAMES = Object.keys(OFFSETS).filter((name): name is PortName => name in OFFSETS);

/**
 * The ports of one stack.
 *
 * @param env may hold MDS_PORT_BASE and MDS_PORT_KAFKA, MDS_PORT_KAFKA_CONTROLLER, …
 * @param base takes precedence over MDS_PORT_BASE
 * @throws Failure naming the variable that is not a port, or two parts that were given the same port
 */
export function portPlan(env: NodeJS.ProcessEnv, base?: number): PortPlan {
  const start = base ?? portFrom(env, 'MDS_PORT_BASE', 65_535 - PORT_SPAN) ?? DEFAULT_PORT_BASE;
  const plan = Object.fromEntries(
    PORT_NAMES.map((name) => [name, portFrom(env, portVariable(name), 65_535) ?? start + OFFSETS[name]]),
  ) as Record<PortName, number>;
  const owners = new Map<number, PortName>();
  for (const name of PORT_NAMES) {
    const other = owners.get(plan[name]);
    if (other !== undefined) {
      throw new Failure(
        `Port ${plan[name]} is given to both ${other} and ${name}: change ${portVariable(other)} or ${portVariable(name)}.`,
      );
    }
    owners.set(plan[name], name);
  }
  return plan;
}

/** `kafkaController` → `MDS_PORT_KAFKA_CONTROLLER` */
export function portVariable(name: PortName): string {
  return `MDS_PORT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function portFrom(env: NodeJS.ProcessEnv, variable: string, max: number): number | undefined {
  const text = env[variable];
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1024 || port > max) {
    throw new Failure(`${variable} is "${text}", but must be a whole number from 1024 to ${max}.`);
  }
  return port;
}
