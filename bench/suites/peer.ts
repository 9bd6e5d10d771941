// Suite `peer`: the bench's own clients and workloads against a Centrifugo that the user runs, so that anyone can check the
// comparison. Rates rise until P99 leaves 20 ms or the peer no longer keeps up.
//
//   make bench SUITE=peer PEER=centrifugo PEER_URL=ws://host:8000/connection/websocket PEER_API_KEY=…

import type { ClientsCount, ConnectOrder } from '../clients/clients-part.ts';
import { type Figure, type LoadRun, latencyAt, type SuiteResult } from '../result.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { Part } from './ceilings/part.ts';
import { type PeerPlan, type PeerWorkload, peerPlan } from './peer/peer-events.ts';
import { type PeerSettings, peerSettings } from './peer/peer-settings.ts';
import { processCpuSeconds } from './peer/process-cpu.ts';
import { httpSink, kafkaSink, type PublicationSink, publishAtRate } from './peer/publisher.ts';

export const peerSuite: Suite = {
  name: 'peer',
  summary: 'the same fan-out and filter workloads against a Centrifugo that you run: PEER=centrifugo PEER_URL=ws://…',
  runsBy: 'name',
  run: runPeerSuite,
};

const RATES: Readonly<Record<PeerWorkload, readonly number[]>> = {
  'fan-out': [20, 50, 100, 150, 200, 400, 1000, 2000],
  filter: [1000, 2000, 4000, 6000, 8000, 12_000, 20_000, 50_000],
};
const SECONDS = { quick: 3, full: 6 } as const;
const WARMUP_SECONDS = 2;
const GOAL_P99_MS = 20;
/** How long after the last event a delivery may still come before it counts as lost. */
const DRAIN_MS = 10_000;
const DRAIN_POLL_MS = 20;
/** Behind by more than this, the peer is saturated and higher rates say nothing new. */
const KEPT_UP_SHARE = 0.98;
const SATURATED_GENERATOR = 0.95;

async function runPeerSuite({
  settings,
  size,
  progress,
}: SuiteContext): Promise<Omit<SuiteResult, 'suite' | 'seconds'>> {
  const peer = peerSettings(settings);
  const runs: LoadRun[] = [];
  const figures: Figure[] = [];
  for (const workload of ['fan-out', 'filter'] as const) {
    const plan = peerPlan(workload, workload === 'filter' ? peer.filterChannel : peer.channel, peer.clients);
    const ofWorkload = await risingRates(workload, plan, peer, SECONDS[size], progress);
    runs.push(...ofWorkload);
    figures.push(...figuresOf(workload, ofWorkload));
  }
  return {
    config: {
      peer: 'centrifugo',
      clients: peer.clients,
      'publications through': peer.kafka ? 'its Kafka consumer' : 'its HTTP API, batches',
      'seconds a rate': SECONDS[size],
      'warm-up seconds': WARMUP_SECONDS,
    },
    failures: [],
    figures,
    runs,
    profiles: [],
  };
}

async function risingRates(
  workload: PeerWorkload,
  plan: PeerPlan,
  peer: PeerSettings,
  seconds: number,
  progress: (line: string) => void,
): Promise<LoadRun[]> {
  const clients = new Part(new URL('../clients/clients-part.ts', import.meta.url), {});
  const sink = peer.kafka ? await kafkaSink(peer.kafka.brokers, peer.kafka.topic) : httpSink(peer.apiUrl, peer.apiKey);
  const runs: LoadRun[] = [];
  let first = 0;
  try {
    clients.send({
      kind: 'connect',
      protocol: 'centrifugo',
      url: peer.url,
      wishes: plan.wishes,
    } satisfies ConnectOrder & {
      kind: string;
    });
    await clients.answer('connected');
    for (const rate of RATES[workload]) {
      const run = await oneRate({ workload, plan, peer, clients, sink, rate, seconds, first });
      runs.push(run);
      first += Math.floor(rate * (seconds + WARMUP_SECONDS));
      const p99Ms = latencyAt(run.latency, 0.99);
      progress(`${run.name}: ${Math.round(run.deliveriesPerSecond)} deliveries/s, P99 ${p99Ms.toFixed(1)} ms`);
      if (run.achievedEventsPerSecond < rate * KEPT_UP_SHARE || run.received < run.expected) break;
    }
  } finally {
    await Promise.all([clients.end(), sink.end()]);
  }
  return runs;
}

interface OneRate {
  readonly workload: PeerWorkload;
  readonly plan: PeerPlan;
  readonly peer: PeerSettings;
  readonly clients: Part;
  readonly sink: PublicationSink;
  readonly rate: number;
  readonly seconds: number;
  readonly first: number;
}

async function oneRate({ workload, plan, peer, clients, sink, rate, seconds, first }: OneRate): Promise<LoadRun> {
  const warmup = Math.floor(rate * WARMUP_SECONDS);
  await publishAtRate(sink, rate, WARMUP_SECONDS, first, plan.publication);
  clients.send({ kind: 'reset', countFromUs: (performance.timeOrigin + performance.now()) * 1000 });
  await clients.answer('reset');
  const before = { cpu: process.cpuUsage(), peer: processCpuSeconds(peer.pid), ms: performance.now() };
  const published = await publishAtRate(sink, rate, seconds, first + warmup, plan.publication);
  const ownCpu = process.cpuUsage(before.cpu);
  let [expected, matches] = [0, 0];
  for (let i = 0; i < published.events; i++) {
    const deliveries = plan.deliveriesOf(first + warmup + i);
    expected += deliveries;
    matches += Math.min(1, deliveries);
  }
  const count = await drained(clients, expected);
  const elapsedSeconds = (performance.now() - before.ms) / 1000;
  const peerCpuSeconds = processCpuSeconds(peer.pid) - before.peer;
  const ownCpuSeconds = (ownCpu.user + ownCpu.system) / 1e6;
  const busyShare = Math.max(count.busyShare, ownCpuSeconds / published.seconds);
  return {
    name: `${workload} at ${rate.toLocaleString('en')}/s`,
    offeredEventsPerSecond: rate,
    achievedEventsPerSecond: published.events / published.seconds,
    deliveriesPerSecond: count.received / elapsedSeconds,
    warmupSeconds: WARMUP_SECONDS,
    seconds: elapsedSeconds,
    produced: published.events,
    matches,
    expected,
    received: count.received,
    generatorBusyShare: busyShare,
    failures: [
      ...(count.received === expected ? [] : [`${count.received} of ${expected} deliveries came`]),
      ...(busyShare > SATURATED_GENERATOR ? [`the generator was ${(busyShare * 100).toFixed(0)} % busy`] : []),
    ],
    latency: count.latency,
    stages: [],
    cpuSeconds: {
      producer: ownCpuSeconds,
      clients: count.cpuMs / 1000,
      ...(peer.pid > 0 ? { edge: peerCpuSeconds } : {}),
    },
    peakMemoryBytes: { clients: count.peakMemoryBytes },
    megabytesIn: 0,
    laneMegabytes: 0,
    clientMegabytes: count.bytes / 1e6,
  };
}

/** Waits until everything has come, or nothing more does. */
async function drained(clients: Part, expected: number): Promise<ClientsCount> {
  const deadlineMs = performance.now() + DRAIN_MS;
  for (;;) {
    clients.send({ kind: 'received' });
    const { received } = await clients.answer('received');
    if (Number(received) >= expected || performance.now() > deadlineMs) break;
    await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }
  clients.send({ kind: 'count' });
  return (await clients.answer('count')) as unknown as ClientsCount; // made by clients-part.ts
}

function figuresOf(workload: PeerWorkload, runs: readonly LoadRun[]): Figure[] {
  const best = (of: (run: LoadRun) => number, among: readonly LoadRun[]): number => Math.max(0, ...among.map(of));
  const quick = runs.filter((run) => run.failures.length === 0 && latencyAt(run.latency, 0.99) < GOAL_P99_MS);
  const figure = (id: string, label: string, unit: string, value: number): Figure => ({
    id: `peer.${workload}.${id}`,
    label: `peer, ${workload}: ${label}`,
    unit,
    better: 'higher',
    value,
    low: value,
    high: value,
  });
  const perSecond = (run: LoadRun): number =>
    workload === 'filter' ? run.achievedEventsPerSecond : run.deliveriesPerSecond;
  const unit = workload === 'filter' ? 'events/s' : 'deliveries/s';
  return [
    figure('withinGoal', `most with P99 < ${GOAL_P99_MS} ms`, unit, best(perSecond, quick)),
    figure('saturated', 'most at all', unit, best(perSecond, runs)),
  ];
}
