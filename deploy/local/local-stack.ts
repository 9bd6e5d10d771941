// The local stack as a library: Kafka, schema registry, Redis and PostgreSQL on loopback ports, started in parallel and each
// seen ready by its own protocol. `make run`, the integration tests and the fault tests all start it through this file.

import { join } from 'node:path';
import { endProcess, lastLines, type RunningChild, sendSignal, startChild } from './child.ts';
import { Failure, reasonOf } from './failure.ts';
import { type Places, placesOf, ROOT } from './places.ts';
import { busyPortMessage, isPortFree } from './port-holder.ts';
import { LOOPBACK, type PortName, type PortPlan, portPlan, portVariable } from './port-plan.ts';
import { isAlive, type ProcessRecord, readProcessRecords } from './process-file.ts';
import { SERVICE_NAMES, serviceNamed } from './services/index.ts';
import { bootstrapOf, KAFKA_BROKERS } from './services/kafka.ts';
import { postgresUrl } from './services/postgres.ts';
import { registryUrl } from './services/registry.ts';
import type { KafkaLayout, ServiceContext, ServiceName } from './services/service.ts';
import { waitUntil } from './wait-until.ts';

/** What `alsoNeedsPorts` is called in a message about a busy port. */
const PORT_TITLES: Partial<Record<PortName, string>> = {
  controlPlane: 'the control plane',
  edge: 'the edge',
  edgeHealth: 'the health page of the edge',
  streamWorkerHealth: 'the health page of the stream worker',
  collectorHealth: 'the health page of the collector',
};

export interface StackOptions {
  /** MDS_HOME: data, logs and pid files go here. Default: `.mds/` in the checkout. */
  readonly home?: string;
  /** First port; default MDS_PORT_BASE or 9400. */
  readonly portBase?: number;
  /** Which services; default all. */
  readonly services?: readonly ServiceName[];
  /** Whether the kernel ends the services when this process ends. Default true. */
  readonly diesWithParent?: boolean;
  /** Ports of other parts that must be free too, checked before anything starts. */
  readonly alsoNeedsPorts?: readonly PortName[];
  /** Kafka's log.segment.bytes: a new segment of each partition costs a write to the disk, which a bench must not meet. */
  readonly kafkaSegmentBytes?: number;
  /** Three brokers, a log elsewhere, a listener behind a proxy: for tests that break Kafka. */
  readonly kafkaLayout?: KafkaLayout;
  /** Told what happens: `Kafka ready after 3.1 s`. */
  readonly onProgress?: (line: string) => void;
  /** Where MDS_PORT_… are read from. Default: process.env */
  readonly env?: NodeJS.ProcessEnv;
}

export interface Stack {
  readonly places: Places;
  readonly ports: PortPlan;
  /** MDS_… variables by which the project's processes find the services. */
  readonly env: Readonly<Record<string, string>>;
  /** Starts one service (again) and waits until it is ready. */
  readonly start: (name: ServiceName) => Promise<void>;
  /** Ends one service gracefully, or all that this stack started. */
  readonly stop: (name?: ServiceName) => Promise<void>;
  /** Ends one service by SIGKILL and waits until it is gone. */
  readonly kill: (name: ServiceName) => Promise<void>;
  /** Stops one service in its tracks (SIGSTOP), as a hung machine would. */
  readonly pause: (name: ServiceName) => void;
  readonly resume: (name: ServiceName) => void;
  /** The pid of a service that runs. */
  readonly pid: (name: ServiceName) => number | undefined;
  /** Resolves with the name of the first service that ends without having been asked to. */
  readonly unexpectedEnd: Promise<ServiceName>;
}

/** Starts the services in parallel; when one fails, stops the others and throws a Failure that shows its last log lines. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const env = options.env ?? process.env;
  const stack = new LocalStack(
    {
      places: placesOf(options.home ?? env.MDS_HOME),
      ports: portPlan(env, options.portBase),
      kafkaSegmentBytes: options.kafkaSegmentBytes,
      kafkaLayout: options.kafkaLayout,
    },
    options,
  );
  const names = [...(options.services ?? SERVICE_NAMES), ...furtherBrokers(options.kafkaLayout)];
  await stack.refuseBusyPorts(names, options.alsoNeedsPorts ?? []);
  const results = await Promise.allSettled(names.map((name) => stack.start(name)));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stack.stop();
    throw failed.reason;
  }
  return stack;
}

/** The variables by which processes find the services on these ports. */
export function serviceEnv(ports: PortPlan, brokers: KafkaLayout['brokers'] = 1): Readonly<Record<string, string>> {
  return {
    MDS_KAFKA_BROKERS: bootstrapOf(ports, brokers),
    MDS_REGISTRY_URL: registryUrl(ports),
    MDS_REDIS_URL: `redis://${LOOPBACK}:${ports.redis}`,
    MDS_POSTGRES_URL: postgresUrl(ports),
  };
}

const furtherBrokers = (layout: KafkaLayout | undefined): readonly ServiceName[] =>
  KAFKA_BROKERS.slice(1, layout?.brokers ?? 1).map(({ name }) => name);

class LocalStack implements Stack {
  readonly places: Places;
  readonly ports: PortPlan;
  readonly env: Readonly<Record<string, string>>;
  readonly unexpectedEnd: Promise<ServiceName>;
  readonly #context: ServiceContext;
  readonly #options: StackOptions;
  readonly #running = new Map<ServiceName, ProcessRecord>();
  readonly #found = new Set<ServiceName>();
  readonly #askedToEnd = new Set<number>();
  #reportUnexpectedEnd: (name: ServiceName) => void = () => undefined;

  constructor(context: ServiceContext, options: StackOptions) {
    this.#context = context;
    this.#options = options;
    this.places = context.places;
    this.ports = context.ports;
    this.env = serviceEnv(context.ports, context.kafkaLayout?.brokers);
    this.unexpectedEnd = new Promise((resolve) => {
      this.#reportUnexpectedEnd = resolve;
    });
    for (const record of readProcessRecords(this.places.run)) {
      const name = SERVICE_NAMES.find((candidate) => candidate === record.name);
      if (name !== undefined && isAlive(record)) {
        this.#running.set(name, record);
        this.#found.add(name);
      }
    }
  }

  async refuseBusyPorts(names: readonly ServiceName[], others: readonly PortName[]): Promise<void> {
    const wanted = names
      .filter((name) => !this.#running.has(name))
      .flatMap((name) => serviceNamed(name).ports.map((port) => ({ port, wantedBy: serviceNamed(name).title })));
    const all = [...wanted, ...others.map((port) => ({ port, wantedBy: PORT_TITLES[port] ?? port }))];
    const free = await Promise.all(all.map(({ port }) => isPortFree(this.ports[port])));
    const busy = all
      .filter((_, index) => !free[index])
      .map(({ port, wantedBy }) => ({ wantedBy, port: this.ports[port], variable: portVariable(port) }));
    if (busy.length > 0) throw new Failure(busyPortMessage(busy));
  }

  async start(name: ServiceName): Promise<void> {
    const service = serviceNamed(name);
    const running = this.#running.get(name);
    if (running !== undefined && isAlive(running)) {
      this.#tell(`${service.title} already runs (pid ${running.pid})`);
      return;
    }
    const startedMs = performance.now();
    const command = await service.prepare(this.#context);
    const logFile = this.logFile(name);
    const child = await startChild({
      name,
      ...command,
      cwd: ROOT,
      env: { ...process.env, ...command.env },
      stopSignal: service.stopSignal,
      listens: service.ports.map((port) => `${LOOPBACK}:${this.ports[port]}`),
      logFile,
      runDirectory: this.places.run,
      diesWithParent: this.#options.diesWithParent ?? true,
    });
    this.#running.set(name, child.record);
    this.#found.delete(name);
    this.#watch(name, child);
    try {
      await this.#untilReady(name, child);
    } catch (error) {
      throw new Failure(`${reasonOf(error)}\nThe last lines of ${logFile}:\n${lastLines(logFile)}`);
    }
    this.#tell(`${service.title} ready after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  }

  async stop(name?: ServiceName): Promise<void> {
    if (name !== undefined) return this.#end(name);
    // the services know nothing of each other: they may all end at once. Those found running are not ours to end.
    await Promise.all(
      [...this.#running.keys()].filter((each) => !this.#found.has(each)).map((each) => this.#end(each)),
    );
  }

  async kill(name: ServiceName): Promise<void> {
    await this.#end(name, 'SIGKILL');
  }

  pause(name: ServiceName): void {
    this.#signal(name, 'SIGSTOP');
  }

  resume(name: ServiceName): void {
    this.#signal(name, 'SIGCONT');
  }

  pid(name: ServiceName): number | undefined {
    const record = this.#running.get(name);
    return record !== undefined && isAlive(record) ? record.pid : undefined;
  }

  logFile(name: ServiceName): string {
    return join(this.places.logs, `${name}.log`);
  }

  async #untilReady(name: ServiceName, child: RunningChild): Promise<void> {
    const service = serviceNamed(name);
    await waitUntil(
      service.title,
      service.readyTimeoutMs,
      () => service.probe(this.#context),
      () => {
        const end = child.hasEnded();
        return end === undefined ? undefined : `ended while starting (${end.signal ?? `exit code ${end.code}`})`;
      },
    );
    await service.afterReady?.(this.#context);
  }

  async #end(name: ServiceName, signal?: NodeJS.Signals): Promise<void> {
    const record = this.#running.get(name);
    if (record === undefined) return;
    this.#askedToEnd.add(record.pid);
    const service = serviceNamed(name);
    const startedMs = performance.now();
    // a paused process does not act on a signal to end
    sendSignal(record, 'SIGCONT');
    const how = await endProcess(record, service.stopGraceMs, signal);
    this.#running.delete(name);
    if (how !== 'gone')
      this.#tell(`${service.title} ${how} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  }

  #signal(name: ServiceName, signal: NodeJS.Signals): void {
    const record = this.#running.get(name);
    if (record === undefined || !sendSignal(record, signal)) throw new Error(`${name} does not run`);
  }

  #watch(name: ServiceName, child: RunningChild): void {
    void child.ended.then(() => {
      if (!this.#askedToEnd.has(child.record.pid)) this.#reportUnexpectedEnd(name);
    });
  }

  #tell(line: string): void {
    this.#options.onProgress?.(line);
  }
}
