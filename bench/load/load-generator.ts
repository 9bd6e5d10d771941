// Load through the whole service: one producer process, one process of subscribers for each edge, and the accounts of a run:
// what was intended, sent, due, delivered and how late, and what it cost each tier meanwhile.
//
//   warm-up ──────▶ measured time ──────▶ settle: all that is due has come, or is lost
//   (not counted)   CPU, bytes, latency

import { setTimeout as delay } from 'node:timers/promises';
import { DATA_PLANE_FLAGS } from '../../deploy/local/processes.ts';
import type { Topic } from '../../schemas/api/topic.ts';
import { type LoadRun, latencyAt } from '../result.ts';
import { Part } from '../suites/ceilings/part.ts';
import type { BenchService } from './bench-service.ts';
import type { SettledAnswer, SubscribersSetting, TimelineStep } from './clients.ts';
import type { LoadShape } from './events.ts';
import { mergedLatency, nowUs } from './histograms.ts';
import { STAGES } from './latencies.ts';
import { cpuSecondsOf, peakBytesOf, resetPeak } from './process-usage.ts';
import type { Phase, ProducedAnswer, ProducerSetting } from './producer.ts';
import { readStages, type StageCounts, stagesBetween } from './stages.ts';

export interface LoadSetting {
  readonly topicName: string;
  readonly shape: LoadShape;
  readonly connections: number;
  readonly subscriptionsPerConnection: number;
  readonly filters: SubscribersSetting['filters'];
  readonly compression: ProducerSetting['compression'];
  readonly fields?: readonly string[];
}

export interface RunSetting {
  readonly name: string;
  /** Rates one after the other; the first is the warm-up. */
  readonly warmup: Phase;
  readonly phases: readonly Phase[];
}

/** A generator that is later than this cannot be trusted with latencies of some milliseconds. */
const MAX_LATE_MS = 10;
const MAX_BUSY_SHARE = 0.92;
/** So that both processes have heard of the run before it begins. */
const LEAD_US = 150_000;

/** Counters of everything at one moment. */
interface Reading {
  readonly cpu: Readonly<Record<string, number>>;
  readonly events: number;
  readonly matches: number;
  readonly recordBytes: number;
  readonly envelopeBytes: number;
  readonly stages: StageCounts;
  readonly atUs: number;
}

export class LoadGenerator {
  readonly #service: BenchService;
  readonly #producer: Part;
  readonly #producerPid: number;
  readonly #clients: readonly Part[];
  readonly #clientPids: readonly number[];
  /** Of the last run, as the first edge's clients saw it. */
  timeline: readonly TimelineStep[] = [];
  #before = { expected: 0, received: 0, lost: 0, unexpected: 0, receivedBytes: 0 };

  private constructor(
    service: BenchService,
    _setting: LoadSetting,
    [producer, producerPid]: [Part, number],
    clients: readonly [Part, number][],
  ) {
    this.#service = service;
    this.#producer = producer;
    this.#producerPid = producerPid;
    this.#clients = clients.map(([part]) => part);
    this.#clientPids = clients.map(([, pid]) => pid);
  }

  /** Creates the topic, connects and subscribes everybody; nothing is sent yet. */
  static async start(service: BenchService, setting: LoadSetting): Promise<LoadGenerator> {
    const { shape, topicName: name } = setting;
    const topic = await service.createTopic(name, shape.partitions);
    const parts: Part[] = [];
    try {
      const producer = startPart(parts, 'producer-part.ts', producerSetting(service, setting, topic));
      const clients = service.edges.map((_, i) =>
        startPart(parts, 'clients-part.ts', clientsSetting(service, setting, i)),
      );
      const ready = await producer.answer('ready');
      const subscribed = await Promise.all(clients.map((part) => part.answer('subscribed')));
      return new LoadGenerator(
        service,
        setting,
        [producer, Number(ready.pid)],
        clients.map((part, i) => [part, Number(subscribed[i]?.pid)]),
      );
    } catch (error) {
      await Promise.all(parts.map((part) => part.end()));
      throw error;
    }
  }

  async end(): Promise<void> {
    await Promise.all([this.#producer, ...this.#clients].map((part) => part.end()));
  }

  async run({ name, warmup, phases }: RunSetting): Promise<LoadRun> {
    const startUs = nowUs() + LEAD_US;
    const fromUs = startUs + warmup.seconds * 1e6;
    const seconds = phases.reduce((sum, phase) => sum + phase.seconds, 0);
    const toUs = fromUs + seconds * 1e6;
    await this.#tellClients({ kind: 'measure', fromUs, toUs }, 'measuring');
    this.#producer.send({ kind: 'run', phases: [warmup, ...phases], startUs });
    await delay((fromUs - nowUs()) / 1000);
    this.#resetPeaks();
    const from = await this.#read();
    await delay(Math.max(0, (toUs - nowUs()) / 1000));
    const to = await this.#read();
    const produced = (await this.#producer.answer('produced')) as unknown as ProducedAnswer; // from producer-part.ts
    const settled = await this.#settle(produced.recordsByPartition);
    this.timeline = settled.timeline;
    const peakMemoryBytes = {
      ...this.#service.peakMemoryBytes(),
      producer: peakBytesOf(this.#producerPid),
      clients: this.#clientPids.reduce((sum, pid) => sum + peakBytesOf(pid), 0),
    };
    return this.#account({ name, warmup, phases }, { from, to, produced, settled, peakMemoryBytes });
  }

  #account(
    { name, warmup, phases }: RunSetting,
    of: {
      from: Reading;
      to: Reading;
      produced: ProducedAnswer;
      settled: SettledAnswer & { expected: number };
      peakMemoryBytes: LoadRun['peakMemoryBytes'];
    },
  ): LoadRun {
    const { from, to, produced, settled } = of;
    const measuredSeconds = (to.atUs - from.atUs) / 1e6;
    const seconds = phases.reduce((sum, phase) => sum + phase.seconds, 0);
    const offered = phases.reduce((sum, phase) => sum + phase.eventsPerSecond * phase.seconds, 0) / seconds;
    const cpuSeconds = Object.fromEntries(
      Object.entries(to.cpu).map(([tier, used]) => [tier, used - (from.cpu[tier] ?? 0)]),
    );
    const achieved = (to.events - from.events) / measuredSeconds;
    const deliveriesPerEvent = produced.events === 0 ? 0 : settled.expected / produced.events;
    const clientsBusy = (cpuSeconds.clients ?? 0) / measuredSeconds / this.#clients.length;
    return {
      name,
      offeredEventsPerSecond: offered,
      achievedEventsPerSecond: achieved,
      deliveriesPerSecond: achieved * deliveriesPerEvent,
      warmupSeconds: warmup.seconds,
      seconds,
      produced: produced.events,
      matches: to.matches - from.matches,
      expected: settled.expected,
      received: settled.received,
      generatorBusyShare: Math.max(produced.busyShare, clientsBusy),
      failures: failuresOf(produced, settled, clientsBusy),
      latency: settled.latency,
      stages: [...settled.stages.slice(0, 1), ...stagesBetween(from.stages, to.stages), ...settled.stages.slice(1)],
      acknowledged: produced.acknowledged,
      cpuSeconds,
      peakMemoryBytes: of.peakMemoryBytes,
      megabytesIn: (to.recordBytes - from.recordBytes) / 1e6,
      laneMegabytes: (to.envelopeBytes - from.envelopeBytes) / 1e6,
      clientMegabytes: settled.receivedBytes / 1e6,
    };
  }

  async #settle(recordsByPartition: readonly number[]): Promise<SettledAnswer & { expected: number }> {
    const answers = (await this.#tellClients(
      { kind: 'settle', recordsByPartition },
      'settled',
    )) as unknown as (SettledAnswer & { expected: number })[]; // from clients-part.ts
    const sum = (of: (answer: SettledAnswer & { expected: number }) => number): number =>
      answers.reduce((total, answer) => total + of(answer), 0);
    const now = {
      expected: sum(({ expected }) => expected),
      received: sum(({ received }) => received),
      lost: sum(({ lost }) => lost),
      unexpected: sum(({ unexpected }) => unexpected),
      receivedBytes: sum(({ receivedBytes }) => receivedBytes),
    };
    const before = this.#before;
    this.#before = now;
    return {
      expected: now.expected - before.expected,
      received: now.received - before.received,
      lost: now.lost - before.lost,
      unexpected: now.unexpected - before.unexpected,
      receivedBytes: now.receivedBytes - before.receivedBytes,
      timeline: answers[0]?.timeline ?? [],
      failures: answers.flatMap(({ failures }) => failures),
      latency: mergedLatency(answers.map(({ latency }) => latency)),
      stages: STAGES.map((stage, i) => ({
        stage,
        latency: mergedLatency(answers.flatMap(({ stages }) => stages[i]?.latency ?? [])),
      })),
    };
  }

  async #read(): Promise<Reading> {
    const service = this.#service;
    const sum = async (metric: string): Promise<number> => {
      const values = await Promise.all(service.workers.map((worker) => service.metric(worker, metric)));
      return values.reduce((total, value) => total + value, 0);
    };
    const [stages, cpu, events, matches, recordBytes, envelopeBytes] = await Promise.all([
      readStages(service),
      service.cpuSeconds(),
      sum('mds_stream_events_total'),
      sum('mds_stream_matches_total'),
      sum('mds_stream_record_bytes_total'),
      sum('mds_stream_envelope_bytes_total'),
    ]);
    const producer = cpuSecondsOf(this.#producerPid);
    const clients = this.#clientPids.reduce((total, pid) => total + cpuSecondsOf(pid), 0);
    return { cpu: { producer, ...cpu, clients }, events, matches, recordBytes, envelopeBytes, stages, atUs: nowUs() };
  }

  #resetPeaks(): void {
    this.#service.resetPeaks();
    for (const pid of [this.#producerPid, ...this.#clientPids]) resetPeak(pid);
  }

  #tellClients(message: { readonly kind: string; readonly [member: string]: unknown }, answer: string) {
    return Promise.all(
      this.#clients.map((part) => {
        part.send(message);
        return part.answer(answer);
      }),
    );
  }
}

function failuresOf(produced: ProducedAnswer, settled: SettledAnswer, clientsBusy: number): string[] {
  const failures = [...settled.failures];
  if (settled.lost > 0) failures.push(`${settled.lost} events were lost`);
  if (settled.unexpected > 0) failures.push(`${settled.unexpected} events came twice, out of order or uncalled for`);
  if (produced.refused > 0) failures.push(`${produced.refused} records were refused by the broker`);
  const lateMs = latencyAt(produced.late, 0.99);
  if (lateMs > MAX_LATE_MS) failures.push(`${SATURATED}: the producer was ${lateMs.toFixed(0)} ms late (P99)`);
  if (produced.busyShare > MAX_BUSY_SHARE) failures.push(`${SATURATED}: the producer was busy all the time`);
  if (clientsBusy > MAX_BUSY_SHARE) failures.push(`${SATURATED}: the clients were busy all the time`);
  return failures;
}

const SATURATED = 'the generator was saturated';

/** Whether this failure says only that the machine had no more to give, not that the service did wrong. */
export const isSaturation = (failure: string): boolean => failure.startsWith(SATURATED);

function startPart(parts: Part[], file: string, setting: unknown): Part {
  const part = new Part(new URL(`./${file}`, import.meta.url), setting, DATA_PLANE_FLAGS);
  parts.push(part);
  return part;
}

function producerSetting(service: BenchService, { shape, compression }: LoadSetting, topic: Topic): ProducerSetting {
  const schemaId = shape.single ? topic.schemaId : topic.batchSchemaId;
  const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
  return { brokers, kafkaTopic: topic.kafkaTopic, schemaId, shape, compression };
}

/** Connections are shared out over the edges. */
function clientsSetting(service: BenchService, setting: LoadSetting, edge: number): SubscribersSetting {
  const { topicName: topic, shape, connections, subscriptionsPerConnection, filters } = setting;
  const port = service.edgePort(edge);
  const share = Math.ceil(connections / service.edges.length);
  const first = edge * share;
  return {
    port,
    topic,
    shape,
    connections: Math.min(share, connections - first),
    firstConnection: first,
    subscriptionsPerConnection,
    filters,
    fields: setting.fields,
  };
}
