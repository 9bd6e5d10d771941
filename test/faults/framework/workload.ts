// What goes on while things break: a steady stream of events into two topics, and subscribers with different filters on
// both, spread over the edges. Same seed, same events. At the end the accounts of all subscribers are settled.

import { closeAll } from '../../integration/harness/close-all.ts';
import { LibrarySubscriber } from '../../integration/harness/library-subscriber.ts';
import { MEASUREMENT_SCHEMA, type Measurement, type ModelledFilter } from '../../integration/harness/measurement.ts';
import { TestProducer } from '../../integration/harness/producer.ts';
import type { TopicInfo } from '../../integration/harness/rest-client.ts';
import type { TestService } from '../../integration/harness/service.ts';
import { until } from '../../integration/harness/until.ts';
import { DurableSubscriber } from './durable-subscriber.ts';
import { LagWatch } from './lag-watch.ts';
import { startProducing } from './producing.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type Settlement, settleAccounts } from './settlement.ts';
import { Progress, type TopicLoad, type Watcher } from './watcher.ts';

type LibraryConnect = ConstructorParameters<typeof LibrarySubscriber>[0]['connect'];

export interface WorkloadOptions {
  /** Over both topics. */
  readonly eventsPerSecond?: number;
  readonly partitions?: number;
  /** How many subscribers; filters and topics go round. */
  readonly subscribers?: number;
  readonly filters?: readonly ModelledFilter[];
  /** Where subscriber number `at` connects; default: edge `at` modulo edges first, then any. */
  readonly connect?: (at: number) => LibraryConnect;
  /** Off: `progress` is content with events of some partitions; for filters that few events match. */
  readonly needsAllPartitions?: boolean;
  /** Also counts what comes twice over the wire, which the library keeps from its user. */
  readonly watchesWire?: boolean;
}

export const FAULT_FILTERS: readonly ModelledFilter[] = [
  { cel: 'level >= HIGH', matches: ({ level }) => level === 'HIGH' || level === 'TOP' },
  { cel: 'active && count > 0', matches: ({ active, count }) => active && count > 0 },
  { cel: 'labels["region"] == "eu-west"', matches: ({ labels }) => labels.region === 'eu-west' },
  { cel: 'sequence % 10 == 3', matches: ({ sequence }) => sequence % 10 === 3 },
];

const DURABLE_FILTER: ModelledFilter = { cel: 'count >= 0', matches: ({ count }) => count >= 0 };
const TOPICS = ['left', 'right'] as const;
const DEFAULT_EVENTS_PER_SECOND = 2000;
const PROGRESS_TIMEOUT_MS = 60_000;
const SETTLE_TIMEOUT_MS = 60_000;
const SHOWN_EXAMPLES = 5;
const OPENED_AT_ONCE = 100;

export class Workload {
  /** Subscriptions that live with their connections. */
  readonly ephemeral: readonly Watcher<LibrarySubscriber>[];
  /** One consumer of a durable subscription for each topic. */
  readonly durable: readonly Watcher<DurableSubscriber>[];
  readonly #loads: readonly TopicLoad[];
  readonly #brokers: string;
  readonly #needsAllPartitions: boolean;

  private constructor(
    loads: readonly TopicLoad[],
    ephemeral: readonly Watcher<LibrarySubscriber>[],
    durable: readonly Watcher<DurableSubscriber>[],
    brokers: string,
    needsAllPartitions: boolean,
  ) {
    this.#needsAllPartitions = needsAllPartitions;
    this.#loads = loads;
    this.ephemeral = ephemeral;
    this.durable = durable;
    this.#brokers = brokers;
  }

  /**
   * Creates the topics, confirms all subscribers, begins to produce, and waits until events arrive.
   *
   * @param atEnd takes what must be closed in the end, whatever happens
   */
  static async start(
    service: TestService,
    random: SeededRandom,
    atEnd: (action: () => unknown) => void,
    options: WorkloadOptions = {},
  ): Promise<Workload> {
    const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
    const { partitions = 4, filters = FAULT_FILTERS, eventsPerSecond = DEFAULT_EVENTS_PER_SECOND } = options;
    const run = random.below(1_000_000);
    const topics = await Promise.all(
      TOPICS.map(async (name, at) => {
        const topic = await service.createTopic({ name: `${name}-${run}`, partitions, schema: MEASUREMENT_SCHEMA });
        const producer = await TestProducer.connect<Measurement>(brokers, topic);
        atEnd(() => producer.close());
        return { topic, producer, eventSeed: 10 * (run + 1) + at };
      }),
    );
    const count = options.subscribers ?? filters.length * TOPICS.length;
    const connect = options.connect ?? ((at: number) => connectToEdges(service, at));
    const planned = Array.from({ length: count }, (_, at) => {
      const load = itemOf(topics, at);
      const filter = itemOf(filters, Math.floor(at / TOPICS.length));
      const subscriber = new LibrarySubscriber({
        connect: connect(at),
        topic: load.topic.name,
        filter: filter.cel,
        watchesWire: options.watchesWire ?? false,
      });
      return { subscriber, filter, load, name: `subscriber ${at} (${load.topic.name}, ${filter.cel})` };
    });
    atEnd(() => closeAll(planned.map(({ subscriber }) => subscriber)));
    await openAll(planned.map(({ subscriber }) => subscriber));
    const consumers = await Promise.all(topics.map(({ topic }) => startConsumer(service, topic, atEnd)));
    const loads = topics.map((one) => ({ ...one, flow: startProducing(one, eventsPerSecond / TOPICS.length) }));
    atEnd(() => Promise.all(loads.map(({ flow }) => flow.stop().catch(() => undefined)))); // settling tells, if it matters
    const ephemeral = planned.map((one) => ({ ...one, load: itemOf(loads, topics.indexOf(one.load)) }));
    const durable = consumers.map((subscriber, at) => {
      const load = itemOf(loads, at);
      return { subscriber, filter: DURABLE_FILTER, load, name: `consumer ${at} (${load.topic.name})` };
    });
    const workload = new Workload(loads, ephemeral, durable, brokers, options.needsAllPartitions ?? true);
    await workload.progress();
    return workload;
  }

  get watchers(): readonly Watcher[] {
    return [...this.ephemeral, ...this.durable];
  }

  get topics(): readonly TopicInfo[] {
    return this.#loads.map(({ topic }) => topic);
  }

  /**
   * Waits until every subscriber has got some more events, and some of each partition; says how long that took.
   *
   * @param only those that are looked at; default: all
   */
  async progress(timeoutMs = PROGRESS_TIMEOUT_MS, only: readonly Watcher[] = this.watchers): Promise<number> {
    const startedMs = performance.now();
    const waiting = new Map(only.map((watcher) => [watcher, new Progress(watcher, this.#needsAllPartitions)]));
    await until(
      'all subscribers to get events of all partitions',
      timeoutMs,
      () => {
        for (const [watcher, progress] of waiting) if (progress.isMade()) waiting.delete(watcher);
        return waiting.size === 0;
      },
      () => [...waiting.values()].slice(0, SHOWN_EXAMPLES).map((progress) => progress.text),
    );
    return performance.now() - startedMs;
  }

  /** Watches from now on how far behind the partitions get. */
  watchLag(): LagWatch {
    return new LagWatch(this.#loads, this.watchers);
  }

  /** Ends producing; resolves when Kafka has everything. */
  async stop(): Promise<void> {
    await Promise.all(this.#loads.map(({ flow }) => flow.stop()));
    await Promise.all(this.#loads.map(({ producer }) => producer.flush()));
  }

  /** Ends producing and waits until nobody misses anything that it was not told of, or the deadline. */
  async settle(timeoutMs = SETTLE_TIMEOUT_MS): Promise<Settlement> {
    await this.stop();
    return settleAccounts(this.#loads, this.ephemeral, this.durable, this.#brokers, timeoutMs);
  }
}

/** Some at a time: thousands at once would wait for each other longer than a client waits for its welcome. */
async function openAll(subscribers: readonly LibrarySubscriber[]): Promise<void> {
  for (let at = 0; at < subscribers.length; at += OPENED_AT_ONCE) {
    await Promise.all(subscribers.slice(at, at + OPENED_AT_ONCE).map((subscriber) => subscriber.open()));
  }
}

async function startConsumer(
  service: TestService,
  topic: TopicInfo,
  atEnd: (action: () => unknown) => void,
): Promise<DurableSubscriber> {
  const urls = service.edges.map(({ clientUrl }) => clientUrl);
  const name = `all-of-${topic.name}`;
  const subscriber = await DurableSubscriber.create(service.api, {
    urls,
    name,
    topic: topic.name,
    filter: DURABLE_FILTER.cel,
  });
  atEnd(() => subscriber.close());
  await subscriber.open();
  return subscriber;
}

/** Prefers one edge and knows them all. */
function connectToEdges(service: TestService, at: number): LibraryConnect {
  const urls = service.edges.map(({ clientUrl }) => clientUrl);
  return { urls: [itemOf(urls, Math.floor(at / TOPICS.length)), ...urls] };
}

function itemOf<T>(items: readonly T[], at: number): T {
  const item = items[at % items.length];
  if (item === undefined) throw new Error('there is none');
  return item;
}
