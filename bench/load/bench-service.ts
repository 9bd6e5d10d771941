// The service on the bench's own stack: a control plane, workers and edges as the processes they are, and what each tier of
// them uses.

import { endProcess } from '../../deploy/local/child.ts';
import type { Stack } from '../../deploy/local/local-stack.ts';
import { apiUrl, type ProjectProcess, startProcess } from '../../deploy/local/processes.ts';
import type { Topic } from '../../schemas/api/topic.ts';
import type { Tier } from '../result.ts';
import { cpuSecondsOf, peakBytesOf, resetPeak } from './process-usage.ts';

export interface ServiceSize {
  readonly workers: number;
  readonly edges: number;
  /** More MDS_… variables for all of them. */
  readonly env?: Readonly<Record<string, string>>;
  /** Directory for CPU profiles of workers and edges. */
  readonly profileTo?: string;
}

const STOP_GRACE_MS = 12_000;
const ASSIGNED_TIMEOUT_MS = 30_000;
const POLL_MS = 100;

export class BenchService {
  readonly #stack: Stack;
  readonly #controlPlane: ProjectProcess;
  readonly workers: readonly ProjectProcess[];
  readonly edges: readonly ProjectProcess[];

  private constructor(
    stack: Stack,
    controlPlane: ProjectProcess,
    workers: readonly ProjectProcess[],
    edges: readonly ProjectProcess[],
  ) {
    this.#stack = stack;
    this.#controlPlane = controlPlane;
    this.workers = workers;
    this.edges = edges;
  }

  static async start(stack: Stack, { workers, edges, env = {}, profileTo }: ServiceSize): Promise<BenchService> {
    // A name space of its own: nothing of an earlier suite's topics and keys is seen.
    const space = `bench${process.hrtime.bigint()}`;
    const common = { MDS_AUTH: 'off', MDS_REDIS_PREFIX: space, MDS_LOG_LEVEL: 'warn', ...env };
    const profiled = profileTo === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileTo}` };
    const controlPlane = await startProcess('control-plane', stack, { env: common });
    const of = (role: 'stream-worker' | 'edge', count: number) =>
      Array.from({ length: count }, (_, index) =>
        startProcess(role, stack, { index, env: { ...common, ...profiled } }),
      );
    const started = await Promise.all([Promise.all(of('stream-worker', workers)), Promise.all(of('edge', edges))]);
    return new BenchService(stack, controlPlane, ...started);
  }

  get stack(): Stack {
    return this.#stack;
  }

  /** The port at which the index-th edge takes clients. */
  edgePort(index: number): number {
    return this.#stack.ports.edge + 2 * index;
  }

  /** Creates a topic of MonitoringEvents and waits until all its partitions are owned. */
  async createTopic(name: string, partitions: number): Promise<Topic> {
    const api = apiUrl(this.#stack.ports);
    const headers = { 'content-type': 'application/json', 'idempotency-key': name };
    const body = JSON.stringify({ name, partitions });
    const answer = await fetch(`${api}/v1/topics`, { method: 'POST', headers, body });
    if (!answer.ok) throw new Error(`POST /v1/topics: ${answer.status} ${await answer.text()}`);
    const topic = (await answer.json()) as Topic; // the API's contract
    const deadlineMs = performance.now() + ASSIGNED_TIMEOUT_MS;
    while (!(await this.#isAssigned(name))) {
      if (performance.now() > deadlineMs) throw new Error(`nobody took over all partitions of ${name}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return topic;
  }

  async topic(name: string): Promise<Topic> {
    const answer = await fetch(`${apiUrl(this.#stack.ports)}/v1/topics/${name}`);
    if (!answer.ok) throw new Error(`GET /v1/topics/${name}: ${answer.status}`);
    return (await answer.json()) as Topic; // the API's contract
  }

  /** A counter or gauge of a process, summed over its labels. */
  async metric({ healthUrl }: ProjectProcess, name: string): Promise<number> {
    const text = await (await fetch(`${healthUrl}/metrics`)).text();
    const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
    if (values.length === 0) throw new Error(`there is no metric ${name}`);
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  /** A histogram of a process by one label: for each of its values, counts of values up to each bound (`le`). */
  async histogram(
    { healthUrl }: ProjectProcess,
    name: string,
    label: string,
  ): Promise<Map<string, Map<number, number>>> {
    const text = await (await fetch(`${healthUrl}/metrics`)).text();
    const found = new Map<string, Map<number, number>>();
    for (const [, labels = '', count] of text.matchAll(new RegExp(`^${name}_bucket\\{([^}]*)\\} (\\S+)$`, 'gm'))) {
      const value = new RegExp(`${label}="([^"]*)"`).exec(labels)?.[1];
      const bound = /le="([^"]*)"/.exec(labels)?.[1];
      if (value === undefined || bound === undefined) continue;
      const counts = found.get(value) ?? new Map<number, number>();
      counts.set(bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), Number(count));
      found.set(value, counts);
    }
    return found;
  }

  /** CPU seconds so far of each tier of the service and its stack. */
  async cpuSeconds(): Promise<Record<Exclude<Tier, 'producer' | 'clients'>, number>> {
    const kernels = await Promise.all(
      this.workers.map((worker) => this.metric(worker, 'mds_stream_kernel_cpu_seconds_total')),
    );
    const kernel = kernels.reduce((sum, seconds) => sum + seconds, 0);
    const workers = sumOf(this.workers, ({ record }) => cpuSecondsOf(record.pid));
    return {
      broker: cpuSecondsOf(this.#pidOf('kafka')),
      redis: cpuSecondsOf(this.#pidOf('redis')),
      kernel,
      workerMain: workers - kernel,
      edge: sumOf(this.edges, ({ record }) => cpuSecondsOf(record.pid)),
    };
  }

  /** Peaks since `resetPeaks`. */
  peakMemoryBytes(): Partial<Record<Tier, number>> {
    return {
      broker: peakBytesOf(this.#pidOf('kafka')),
      redis: peakBytesOf(this.#pidOf('redis')),
      workerMain: sumOf(this.workers, ({ record }) => peakBytesOf(record.pid)),
      edge: sumOf(this.edges, ({ record }) => peakBytesOf(record.pid)),
    };
  }

  resetPeaks(): void {
    const own = [...this.workers, ...this.edges].map(({ record }) => record.pid);
    for (const pid of [...own, this.#pidOf('kafka'), this.#pidOf('redis')]) resetPeak(pid);
  }

  async stop(): Promise<void> {
    const end = ({ record }: ProjectProcess) => endProcess(record, STOP_GRACE_MS);
    await Promise.all([...this.edges, ...this.workers].map(end));
    await end(this.#controlPlane);
  }

  async #isAssigned(topic: string): Promise<boolean> {
    const answer = await fetch(`${apiUrl(this.#stack.ports)}/v1/status`);
    const { topics } = (await answer.json()) as {
      topics: { name: string; partitions: { workerId: string | null }[] }[];
    };
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
    return partitions.length > 0 && partitions.every(({ workerId }) => workerId !== null);
  }

  #pidOf(name: 'kafka' | 'redis'): number {
    const pid = this.#stack.pid(name);
    if (pid === undefined) throw new Error(`${name} does not run`);
    return pid;
  }
}

const sumOf = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((sum, item) => sum + of(item), 0);
