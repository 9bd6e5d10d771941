// An edge dies with thousands of clients, has many slow ones, or has clients that come and go all the time.

import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelledFilter } from '../../integration/harness/measurement.ts';
import { startFlow } from '../../integration/harness/pace.ts';
import { percentile } from '../../integration/harness/percentile.ts';
import type { TestProcess } from '../../integration/harness/processes.ts';
import { until } from '../../integration/harness/until.ts';
import { RawClient } from '../framework/raw-client.ts';
import type { Run, Scenario } from '../framework/scenario.ts';
import type { Workload } from '../framework/workload.ts';

const CLIENTS = 2000;
const SHORT_CLIENTS = 300;
const BACK_TIMEOUT_MS = 30_000;
const HOSTS = 200;
const hostFilter = (host: number): ModelledFilter => ({
  cel: `labels["host"] == "host-${host}"`,
  matches: ({ labels }) => labels.host === `host-${host}`,
});
const HOST_FILTERS = Array.from({ length: HOSTS }, (_, host) => hostFilter(host));

export const edgeKill: Scenario = {
  id: 'R10',
  title: `kill -9 of an edge with ${CLIENTS} clients (${SHORT_CLIENTS} in the short set), who all come back on another`,
  async run(run) {
    const service = await run.service(await run.stack(), { workers: 1, edges: 1 });
    const other = await service.addEdge();
    const urls = service.edges.map(({ clientUrl }) => clientUrl);
    const subscribers = run.isShort ? SHORT_CLIENTS : CLIENTS;
    const load = await run.workload(service, {
      subscribers,
      filters: HOST_FILTERS,
      eventsPerSecond: 2000,
      connect: () => ({ urls }), // only one of them runs yet
      needsAllPartitions: false,
    });
    await other.start();
    await service.edge(0).end('SIGKILL');
    const killedMs = performance.now();
    const live = (): number => load.ephemeral.filter(({ subscriber }) => subscriber.state === 'open live').length;
    await until('the first clients to notice', BACK_TIMEOUT_MS, () => live() < subscribers);
    await until(
      'all clients to be live again',
      4 * BACK_TIMEOUT_MS,
      () => live() === subscribers,
      () => `${live()} of ${subscribers}`,
    );
    const backMs = performance.now() - killedMs;
    run.note(`${subscribers} clients were live again after ${(backMs / 1000).toFixed(1)} s`);
    if (backMs > BACK_TIMEOUT_MS) run.problem(`that is more than ${BACK_TIMEOUT_MS / 1000} s`);
    await load.progress();
    return load.settle();
  },
};

const FAST_CLIENTS = 900;
const SLOW_CLIENTS = 100;
const PHASE_MS = 4000;
/** Until the buffers of two kernels and of the edge are full, some 5 MB, and all slow clients were closed once. */
const SLOW_TIMEOUT_MS = 20_000;
const MIN_PAIRS = 3;
const MAX_PAIRS = 8;
const MAX_RATIO = 1.2;
const WARM_UP_MS = 1000;

export const slowConsumers: Scenario = {
  id: 'R11',
  title: `${SLOW_CLIENTS} clients that do not read among ${FAST_CLIENTS + SLOW_CLIENTS}: the P99 of the others is at most ${MAX_RATIO} of that when all read`,
  async run(run) {
    // a client that does not read is closed when so much waits for it: soon, so that it happens in each phase
    const env = { MDS_EDGE_MAX_BUFFERED_BYTES: '262144' };
    const service = await run.service(await run.stack(), { workers: 1, edges: 1, env });
    const load = await run.workload(service, { eventsPerSecond: 3000 });
    const url = service.edge(0).clientUrl;
    const topic = load.topics[0]?.name ?? '';
    let latencies: number[] = [];
    const fast = Array.from({ length: FAST_CLIENTS }, (_, at) => {
      const filter = HOST_FILTERS[at % HOSTS]?.cel ?? '';
      return new RawClient({ url, topic, filter, onLatency: (ms) => latencies.push(ms) });
    });
    run.atEnd(() => {
      for (const client of fast) client.terminate();
    });
    await Promise.all(fast.map((client) => client.subscribed));
    const p99OfPhase = async (untilWhen: () => boolean | Promise<boolean> = () => true): Promise<number> => {
      await sleep(WARM_UP_MS);
      latencies = [];
      await sleep(PHASE_MS); // what comes within it is what is measured
      await until('the slow clients to be closed', SLOW_TIMEOUT_MS, untilWhen).catch(() => undefined); // told below
      return percentile(latencies, 99);
    };
    const without: number[] = [];
    const withSlow: number[] = [];
    let slowClosed = 0;
    const ratio = (): number => percentile(withSlow, 50) / percentile(without, 50);
    // the machine is noisy: phases take turns, and more of them are had while chance may be the reason
    while (without.length < MIN_PAIRS || (ratio() > MAX_RATIO && without.length < MAX_PAIRS)) {
      const readers = await allEventsClients(url, topic);
      without.push(await p99OfPhase());
      for (const client of readers) client.terminate();
      const closedBefore = await closedAsSlow(service.edge(0));
      const slow = await allEventsClients(url, topic);
      for (const client of slow) client.stall();
      const closed = async (): Promise<number> => (await closedAsSlow(service.edge(0))) - closedBefore;
      withSlow.push(await p99OfPhase(async () => (await closed()) >= SLOW_CLIENTS));
      slowClosed += await closed();
      for (const client of slow) client.terminate();
    }
    run.note(
      `P99 ${percentile(without, 50)} ms when all read and ${percentile(withSlow, 50)} ms with slow ones: ${ratio().toFixed(2)}`,
    );
    run.note(`${slowClosed} slow clients were closed`);
    if (slowClosed === 0) run.problem('no slow client filled its buffer');
    if (ratio() > MAX_RATIO) run.problem(`the P99 of fast clients is ${ratio().toFixed(2)} of that when all read`);
    if (fast.some(({ isClosed }) => isClosed)) run.problem('a fast client was closed');
    return load.settle();
  },
};

/** As many as will be slow, subscribed to everything. A stalled one does not even see that it is closed. */
async function allEventsClients(url: string, topic: string): Promise<readonly RawClient[]> {
  const clients = Array.from({ length: SLOW_CLIENTS }, () => new RawClient({ url, topic, filter: 'count > -1000' }));
  await Promise.all(clients.map((client) => client.subscribed));
  return clients;
}

/** How many clients the edge has closed because they did not read. */
async function closedAsSlow(edge: TestProcess): Promise<number> {
  const text = await (await fetch(`${edge.httpUrl}/metrics`)).text();
  const [, count] = /^mds_edge_closes_total\{[^}]*code="4001"[^}]*\} (\d+)$/m.exec(text) ?? [];
  return Number(count ?? 0);
}

const CHURN_PER_SECOND = 1000;
const CHURN_MS = 60_000;
const SHORT_CHURN_MS = 10_000;
const MAX_AT_ONCE = 200;
const CALM_TIMEOUT_MS = 30_000;
/** Of a kind: a stream worker makes a Kafka client when it first audits a range, which has so many pipes. */
const MAX_NEW_FILES = 8;

export const churn: Scenario = {
  id: 'R12',
  title: `${CHURN_PER_SECOND} connects and subscribes a second for 60 s (10 s in the short set): nothing stays behind`,
  async run(run) {
    const service = await run.service(await run.stack(), { workers: 1, edges: 1 });
    const load = await run.workload(service, { eventsPerSecond: 500 });
    const processes = [service.edge(0), service.worker(0)];
    await churnFor(run, load, service.edge(0).clientUrl, 1000); // what is made once and kept is made now
    await sleep(3000);
    const before = await Promise.all(processes.map(levelsOf));
    const rate = await churnFor(run, load, service.edge(0).clientUrl, run.isShort ? SHORT_CHURN_MS : CHURN_MS);
    run.note(`${Math.round(rate)} connects and subscribes a second were had`);
    let last: unknown;
    await until(
      'every level to be back',
      CALM_TIMEOUT_MS,
      async () => {
        const now = await Promise.all(processes.map(levelsOf));
        last = now.map((levels, at) => differencesOf(before[at] ?? {}, levels));
        return now.every((levels, at) => Object.keys(differencesOf(before[at] ?? {}, levels)).length === 0);
      },
      () => last,
    ).catch((error: unknown) => run.problem(String(error)));
    return load.settle();
  },
};

/** Clients that connect, subscribe to one of many channels, and leave, some politely. @returns how many a second */
async function churnFor(run: Run, load: Workload, url: string, durationMs: number): Promise<number> {
  const topic = load.topics[0]?.name ?? '';
  let open = 0;
  let done = 0;
  let failed = 0;
  const one = async (): Promise<void> => {
    open += 1;
    const client = new RawClient({ url, topic, filter: `count == ${run.random.below(400)}` });
    try {
      await client.subscribed;
      done += 1;
    } catch {
      failed += 1; // counted, and told below
    }
    if (run.random.below(2) === 0) client.close();
    else client.terminate();
    await client.closed;
    open -= 1;
  };
  const startedMs = performance.now();
  const flow = startFlow(
    CHURN_PER_SECOND,
    async (due) => {
      for (let i = 0; i < due; i++) {
        if (open >= MAX_AT_ONCE) await until('room for a client', CALM_TIMEOUT_MS, () => open < MAX_AT_ONCE);
        void one();
      }
    },
    { maxAtOnce: 100 },
  );
  await sleep(durationMs);
  await flow.stop();
  await until('the last clients to be gone', CALM_TIMEOUT_MS, () => open === 0);
  if (failed > 0) run.problem(`${failed} of ${failed + done} clients could not subscribe`);
  return (done * 1000) / (performance.now() - startedMs);
}

type Levels = Readonly<Record<string, number>>;

/** Gauges that count things which come and go, and open files. */
async function levelsOf(process: TestProcess): Promise<Levels> {
  const text = await (await fetch(`${process.httpUrl}/metrics`)).text();
  const gauges = new Set([...text.matchAll(/^# TYPE (mds_\S+) gauge$/gm)].map(([, name]) => name));
  const levels: Record<string, number> = {};
  for (const line of text.split('\n')) {
    const [series = '', value] = [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)];
    if (gauges.has(series.split('{')[0]) && !FLOWING.test(series)) levels[series] = Number(value);
  }
  for (const file of readdirSync(`/proc/${process.pid}/fd`)) {
    const kind = kindOfFile(`/proc/${process.pid}/fd/${file}`);
    levels[kind] = (levels[kind] ?? 0) + 1;
  }
  return levels;
}

/** `file socket`, `file pipe`…, without the number that makes it one. */
function kindOfFile(path: string): string {
  try {
    return `file ${readlinkSync(path).replace(/:\[.*/, '')}`;
  } catch {
    return 'file gone'; // closed between the two looks
  }
}

/** Gauges that follow the traffic and not who is there. */
const FLOWING = /lag_records|seconds|bytes|per_second|ratio|in_flight|process_/;

/** What grew: by anything at all; open files by more than one Kafka client has. */
const differencesOf = (before: Levels, now: Levels): Levels =>
  Object.fromEntries(
    Object.entries(now)
      .map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
      .filter(([name, growth]) => growth > (name.startsWith('file ') ? MAX_NEW_FILES : 0)),
  );
