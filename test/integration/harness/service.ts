// The whole service on the test's stack: control plane, stream workers and edges as real processes in a namespace of their
// own. Everything is ended when the test is, and the ends of all logs are printed when it failed.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type ProcessKind, TestProcess } from './processes.ts';
import { RestClient, type TopicInfo, type TopicRequest } from './rest-client.ts';
import { acquireStack, createNamespace, type Namespace, type TestStack } from './stack.ts';
import { until } from './until.ts';

interface ServiceOptions {
  readonly workers?: number;
  readonly edges?: number;
  /** Further variables for every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further variables for the control plane alone, made from those of the namespace. */
  readonly controlPlaneEnv?: (env: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
}

/** Assignment, hand-over of a killed worker's partitions (3 s) and a slow machine. */
const ASSIGNED_TIMEOUT_MS = 30_000;

/** Starts it and arranges for its end with `t.teardown`. */
export async function startService(t: Test, options: ServiceOptions = {}): Promise<TestService> {
  const stack = await acquireStack();
  t.teardown(() => stack.release());
  const service = await TestService.create(stack, options);
  t.teardown(() => service.dispose(!t.passing()));
  await service.controlPlane.start();
  await Promise.all([...service.workers, ...service.edges].map((process) => process.start()));
  return service;
}

export class TestService {
  readonly stack: TestStack;
  readonly namespace: Namespace;
  readonly controlPlane: TestProcess;
  readonly workers: TestProcess[] = [];
  readonly edges: TestProcess[] = [];
  readonly api: RestClient;
  readonly #options: ServiceOptions;
  /** Logs are in `logs/` below. */
  readonly directory: string;
  readonly #processes: TestProcess[] = [];

  private constructor(stack: TestStack, namespace: Namespace, controlPlane: TestProcess, options: ServiceOptions) {
    this.stack = stack;
    this.namespace = namespace;
    this.controlPlane = controlPlane;
    this.api = new RestClient(controlPlane.httpUrl, options.env?.MDS_OPERATOR_KEY ?? null);
    this.#options = options;
    this.directory = directoryOf(stack, namespace);
    this.#processes.push(controlPlane);
  }

  static async create(stack: TestStack, options: ServiceOptions): Promise<TestService> {
    const namespace = await createNamespace(stack);
    const directory = directoryOf(stack, namespace);
    mkdirSync(directory, { recursive: true });
    const controlPlane = await TestProcess.create({
      kind: 'control-plane',
      name: 'control-plane-1',
      env: { ...namespace.env, ...options.env, ...options.controlPlaneEnv?.(namespace.env) },
      directory,
    });
    const service = new TestService(stack, namespace, controlPlane, options);
    for (let i = 0; i < (options.workers ?? 1); i++) await service.addWorker();
    for (let i = 0; i < (options.edges ?? 1); i++) await service.addEdge();
    return service;
  }

  /** One more stream worker, not started yet. */
  async addWorker(env: Readonly<Record<string, string>> = {}): Promise<TestProcess> {
    const worker = await this.#add('stream', `worker-${this.workers.length + 1}`, env);
    this.workers.push(worker);
    return worker;
  }

  /** One more edge, not started yet. */
  async addEdge(env: Readonly<Record<string, string>> = {}): Promise<TestProcess> {
    const edge = await this.#add('edge', `edge-${this.edges.length + 1}`, env);
    this.edges.push(edge);
    return edge;
  }

  /** An ingest door, not started yet. */
  async addIngest(env: Readonly<Record<string, string>> = {}): Promise<TestProcess> {
    return this.#add('ingest', `ingest-${this.#processes.length}`, env);
  }

  /** A rollup worker, not started yet. */
  async addRollup(env: Readonly<Record<string, string>> = {}): Promise<TestProcess> {
    return this.#add('rollup', `rollup-${this.#processes.length}`, env);
  }

  /** A query process, not started yet. */
  async addQuery(env: Readonly<Record<string, string>> = {}): Promise<TestProcess> {
    return this.#add('query', `query-${this.#processes.length}`, env);
  }

  /** A collector, not started yet. */
  async addCollector(env: Readonly<Record<string, string>> = {}): Promise<TestProcess> {
    return this.#add('collector', 'collector-1', { MDS_API_URL: this.controlPlane.httpUrl, ...env });
  }

  worker(index: number): TestProcess {
    return found(this.workers[index], `worker ${index}`);
  }

  edge(index: number): TestProcess {
    return found(this.edges[index], `edge ${index}`);
  }

  /** Creates a topic whose name no other test file has, and waits until every partition has an owner. */
  async createTopic(request: TopicRequest): Promise<TopicInfo> {
    const topic = await this.api.createTopic({ ...request, name: `${request.name}-${this.namespace.id}` });
    await this.assigned(topic.name);
    return topic;
  }

  /** Waits until every partition of the topic is owned by a worker that `isOwner` accepts (default: any). */
  async assigned(topicName: string, isOwner: (workerId: string) => boolean = () => true): Promise<void> {
    let seen: unknown;
    await until(
      `an owner for each partition of ${topicName}`,
      ASSIGNED_TIMEOUT_MS,
      async () => {
        const { topics } = await this.api.status();
        const partitions = topics.find(({ name }) => name === topicName)?.partitions ?? [];
        seen = partitions;
        return partitions.length > 0 && partitions.every(({ workerId }) => workerId !== null && isOwner(workerId));
      },
      () => seen,
    );
  }

  async dispose(showLogs: boolean): Promise<void> {
    if (showLogs) for (const process of this.#processes) console.error(process.logTail());
    const dataPlane = this.#processes.filter((process) => process !== this.controlPlane);
    const results = await Promise.allSettled(dataPlane.map((process) => process.dispose()));
    await this.controlPlane.dispose();
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #add(kind: ProcessKind, name: string, env: Readonly<Record<string, string>>): Promise<TestProcess> {
    const process = await TestProcess.create({
      kind,
      name,
      env: { ...this.namespace.env, ...this.#options.env, ...env },
      directory: this.directory,
    });
    this.#processes.push(process);
    return process;
  }
}

const directoryOf = (stack: TestStack, namespace: Namespace): string => join(stack.home, 'tests', namespace.id);

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`);
  return value;
}
