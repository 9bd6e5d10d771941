// The project's own processes on this machine: which file each one is, with which variables it finds the stack, and when it
// is ready. Nothing is started again by itself: a process that dies is news, and the supervisor says so.

import { join } from 'node:path';
import { type ChildEnd, lastLines, type RunningChild, startChild } from './child.ts';
import { Failure, reasonOf } from './failure.ts';
import { type Places, ROOT } from './places.ts';
import { LOOPBACK, MAX_EDGES, MAX_STREAM_WORKERS, type PortPlan } from './port-plan.ts';
import { waitUntil } from './wait-until.ts';

export type Role = 'control-plane' | 'stream-worker' | 'edge' | 'collector' | 'ingest' | 'rollup' | 'query';

const ENTRIES: Readonly<Record<Role, string>> = {
  'control-plane': 'control-plane/main.ts',
  'stream-worker': 'workers/stream/main.ts',
  edge: 'workers/edge/main.ts',
  collector: 'workers/collector/main.ts',
  ingest: 'workers/ingest/main.ts',
  rollup: 'workers/rollup/main.ts',
  query: 'workers/query/main.ts',
};

/**
 * For the processes that events pass through. Kafka's records and Redis's messages lie outside the small heap but count
 * towards its growth: by default the engine then collects all of it five times a second, which at 200,000 events/s is a
 * tenth of a core in four threads, and P99 31 ms instead of 13 (bench suite `firehose`).
 */
export const DATA_PLANE_FLAGS = ['--max-semi-space-size=64', '--initial-old-space-size=256'] as const;

/** A cold start takes 2 s; the rest is for a machine whose cores are all busy. */
const READY_TIMEOUT_MS = 45_000;

/** What a process needs to know of the stack it belongs to: a Stack is one. */
export interface ProcessSurroundings {
  readonly places: Places;
  readonly ports: PortPlan;
  /** MDS_… variables of the services. */
  readonly env: Readonly<Record<string, string>>;
}

export interface ProcessOptions {
  /** 0 for the first of its role, 1 for the second… Each has ports of its own. */
  readonly index?: number;
  /** More MDS_… variables, or others. */
  readonly env?: Readonly<Record<string, string>>;
  readonly diesWithParent?: boolean;
  /** Off: returns as soon as it was started, without waiting for /readyz. */
  readonly waitReady?: boolean;
}

export interface ProjectProcess extends RunningChild {
  readonly role: Role;
  readonly name: string;
  readonly logFile: string;
  /** http://…: /healthz, /readyz and /metrics are here. */
  readonly healthUrl: string;
}

/** The address of the REST API and the page. */
export function apiUrl(ports: PortPlan): string {
  return `http://${LOOPBACK}:${ports.controlPlane}`;
}

export async function startProcess(
  role: Role,
  surroundings: ProcessSurroundings,
  options: ProcessOptions = {},
): Promise<ProjectProcess> {
  const { places, ports } = surroundings;
  const index = options.index ?? 0;
  const name = index === 0 ? role : `${role}-${index + 1}`;
  const { healthPort, variables, listens } = addressesOf(role, index, ports);
  const logFile = join(places.logs, `${name}.log`);
  const child = await startChild({
    name,
    file: process.execPath,
    args: [...(role === 'stream-worker' || role === 'edge' ? DATA_PLANE_FLAGS : []), ENTRIES[role]],
    cwd: ROOT,
    env: {
      ...withoutStackVariables(process.env),
      ...surroundings.env,
      MDS_API_URL: apiUrl(ports),
      ...variables,
      ...options.env,
    },
    stopSignal: 'SIGTERM',
    listens,
    logFile,
    runDirectory: places.run,
    diesWithParent: options.diesWithParent ?? true,
  });
  const healthUrl = `http://${LOOPBACK}:${healthPort}`;
  if (options.waitReady !== false) await untilReady(name, healthUrl, child, logFile);
  return { ...child, role, name, logFile, healthUrl };
}

/** "exit code 1", "SIGKILL" */
export function howItEnded({ code, signal }: ChildEnd): string {
  return signal ?? `exit code ${code}`;
}

/** The ports and variables of the index-th process of a role. */
export function addressesOf(role: Role, index: number, ports: PortPlan) {
  const healthPort = {
    'control-plane': ports.controlPlane,
    collector: ports.collectorHealth,
    ingest: ports.ingest,
    rollup: ports.rollupHealth,
    query: ports.query,
  };
  const on = (port: number) => `${LOOPBACK}:${port}`;
  switch (role) {
    case 'control-plane':
    case 'collector':
    case 'ingest':
    case 'rollup':
    case 'query': {
      // several of these have no place in the port plan: tests that need one pass MDS_HTTP_PORT
      const port = healthPort[role];
      return { healthPort: port, variables: { MDS_HTTP_PORT: String(port) }, listens: [on(port)] };
    }
    case 'stream-worker': {
      if (index >= MAX_STREAM_WORKERS) throw new Error(`there are ports for ${MAX_STREAM_WORKERS} stream workers only`);
      const port = ports.streamWorkerHealth + index;
      return { healthPort: port, variables: { MDS_HTTP_PORT: String(port) }, listens: [on(port)] };
    }
    case 'edge': {
      if (index >= MAX_EDGES) throw new Error(`there are ports for ${MAX_EDGES} edges only`);
      const [door, health] = [ports.edge + 2 * index, ports.edgeHealth + 2 * index];
      return {
        healthPort: health,
        variables: { MDS_EDGE_PORT: String(door), MDS_HTTP_PORT: String(health) },
        listens: [on(door), on(health)],
      };
    }
  }
}

/** The variables that only the local stack reads: a process would call them unknown, as it should. */
function withoutStackVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('MDS_PORT_') && name !== 'MDS_HOME'),
  );
}

async function untilReady(name: string, healthUrl: string, child: RunningChild, logFile: string): Promise<void> {
  try {
    await waitUntil(
      name,
      READY_TIMEOUT_MS,
      () => probeReady(healthUrl),
      () => {
        const end = child.hasEnded();
        return end === undefined ? undefined : `ended while starting (${howItEnded(end)})`;
      },
    );
  } catch (error) {
    throw new Failure(`${reasonOf(error)}\nThe last lines of ${logFile}:\n${lastLines(logFile)}`);
  }
}

/** Throws, with the reasons the process gives, until GET /readyz says 200. */
async function probeReady(healthUrl: string): Promise<void> {
  const response = await fetch(`${healthUrl}/readyz`, { signal: AbortSignal.timeout(2_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`GET /readyz: ${response.status} ${text.slice(0, 300)}`);
}
