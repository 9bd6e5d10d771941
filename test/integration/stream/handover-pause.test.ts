// Workers come and go while events flow: nothing is lost, nothing doubled, and what a subscriber sees of it is a short
// silence on the partitions that move. How short is printed, beside the longest silence while nothing moves.

import { Redis } from 'ioredis';
import t from 'tap';
import { WebSocket } from 'ws';
import { redisKeys } from '../../../schemas/coordination.ts';
import { readEnvelope } from '../../../schemas/lane-envelope.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS } from '../harness/ledger.ts';
import { MEASUREMENT_SCHEMA } from '../harness/measurement.ts';
import { startService } from '../harness/service.ts';
import type { Namespace } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { WireSubscriber } from '../harness/wire-subscriber.ts';

const PARTITIONS = 4;
const EVENTS_PER_SECOND = 1000 * PARTITIONS;
const ROUNDS = Number(process.env.HANDOVER_ROUNDS ?? 2);
/** Long enough for the moves of a round to be over. */
const WATCH_MS = 3000;
/** A worker added and removed again, each time with half of the partitions. */
const MOVES = ROUNDS * PARTITIONS;
const EVERYTHING = { cel: 'true', matches: () => true };

t.setTimeout(240_000);

/** The longest time between two frames of a partition, of those that end in the period. */
class SilenceWatch {
  readonly #lastMs = new Map<number, number>();
  readonly #longestMs = new Map<number, number>();

  constructor(url: string, topic: string) {
    const socket = new WebSocket(url, 'mds.v1.json');
    socket.on('open', () =>
      socket.send(JSON.stringify({ type: 'subscribe', id: 'pause', topic, fields: ['sequence'] })),
    );
    socket.on('message', (data) => {
      const nowMs = performance.now();
      const frame = JSON.parse(String(data));
      if (frame.type !== 'events') return;
      const silentMs = nowMs - (this.#lastMs.get(frame.partition) ?? nowMs);
      this.#longestMs.set(frame.partition, Math.max(silentMs, this.#longestMs.get(frame.partition) ?? 0));
      this.#lastMs.set(frame.partition, nowMs);
    });
    this.close = () => socket.close();
  }

  readonly close: () => void;

  get partitionsSeen(): number {
    return this.#lastMs.size;
  }

  /** @returns the longest silence of any partition in the time to come */
  async during(periodMs: number): Promise<number> {
    this.#longestMs.clear();
    const endMs = performance.now() + periodMs;
    await until('the period', periodMs * 2, () => performance.now() >= endMs);
    return Math.round(Math.max(...this.#longestMs.values()));
  }
}

/** The time between the last event of one owner and the first of the next, on the edge's lane, for each move. */
class MoveWatch {
  readonly pausesMs: number[] = [];
  readonly #lane: Redis;
  readonly #last = new Map<number, { epoch: number; atMs: number }>();

  private constructor(redis: Redis) {
    this.#lane = redis;
    this.#lane.on('smessageBuffer', (_lane: Buffer, message: Buffer) => {
      const { kind, partition, epoch, events } = readEnvelope(Buffer.from(message));
      if (kind !== 'live' || events.length === 0) return;
      const atMs = performance.now();
      const last = this.#last.get(partition);
      if (last && epoch < last.epoch) return;
      if (last && epoch > last.epoch) this.pausesMs.push(Math.round(atMs - last.atMs));
      this.#last.set(partition, { epoch, atMs });
    });
  }

  static async start({ env, id }: Namespace): Promise<MoveWatch> {
    const redis = new Redis(env.MDS_REDIS_URL ?? '');
    const keys = redisKeys(id);
    const [edgeId = ''] = await redis.smembers(keys.edges);
    const watch = new MoveWatch(redis);
    await redis.ssubscribe(keys.lane(edgeId));
    return watch;
  }

  close(): void {
    this.#lane.disconnect();
  }
}

t.test('workers come and go during the flow', async (t) => {
  const service = await startService(t, { workers: 1, edges: 1 });
  const topic = await service.createTopic({ name: 'pause', partitions: PARTITIONS, schema: MEASUREMENT_SCHEMA });
  const edgeUrl = service.edge(0).clientUrl;
  const subscriber = await WireSubscriber.connect(edgeUrl);
  t.teardown(() => subscriber.close());
  const subscription = await subscriber.subscribe({ id: 's', topic: topic.name });
  const watch = new SilenceWatch(edgeUrl, topic.name);
  t.teardown(watch.close);
  const moves = await MoveWatch.start(service.namespace);
  t.teardown(() => moves.close());
  const stream = await startEventStream({
    brokers: service.stack.env.MDS_KAFKA_BROKERS ?? '',
    topic,
    eventsPerSecond: EVENTS_PER_SECOND,
    recordEvents: 5,
  });
  t.teardown(() => stream.close());
  await until('events of all partitions', 30_000, () => watch.partitionsSeen === PARTITIONS);
  await watch.during(WATCH_MS);
  const quiet: number[] = [];
  const added: number[] = [];
  const removed: number[] = [];
  let mostLag = 0;
  const lag = setInterval(async () => {
    const { topics } = await service.api.status();
    for (const { partitions } of topics) {
      for (const { lagRecords } of partitions) mostLag = Math.max(mostLag, lagRecords ?? 0);
    }
  }, 200);
  t.teardown(() => clearInterval(lag));
  const ownersOf = async (): Promise<Set<unknown>> => {
    const { topics } = await service.api.status();
    const [found] = topics.filter(({ name }) => name === topic.name);
    return new Set(found?.partitions.map(({ workerId }) => workerId));
  };

  for (let round = 0; round < ROUNDS; round++) {
    quiet.push(await watch.during(WATCH_MS));
    const worker = await service.addWorker();
    await worker.start();
    added.push(await watch.during(WATCH_MS));
    await until('the newcomer to own a share', 20_000, async () => (await ownersOf()).has(worker.name));
    worker.signal('SIGTERM');
    removed.push(await watch.during(WATCH_MS));
    await worker.ended();
  }
  clearInterval(lag);
  t.comment(`longest silence of a partition, ms: nothing moves ${quiet}; worker added ${added}; removed ${removed}`);
  t.comment(`from owner to owner, ms, each move: ${moves.pausesMs}`);
  t.comment(`most records of a partition waiting: ${mostLag}`);
  await stream.stop();
  const ledger = await settled({
    stream,
    filter: EVERYTHING,
    received: subscription.received,
    after: subscription.start,
  });
  t.same(faultsOf(ledger), NO_FAULTS, ledgerText(ledger));
  t.equal(moves.pausesMs.length, MOVES, 'every move was seen, and nothing else moved');
});
