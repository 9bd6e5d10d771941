// The lane fails in every way, on real sockets and a real Redis: subscribers stay connected and have everything once.

import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { decodeResumeToken, encodeResumeToken } from '../../../schemas/resume-token.ts';
import { type EdgeUnderTest, moveOn, startEdgeUnderTest, TestClient, until } from './edge-harness.ts';
import { TOPIC_ID } from './played-worker.ts';

const PARTITIONS = 4;

async function withEdge(settings: Record<string, string>, use: (edge: EdgeUnderTest) => Promise<void>): Promise<void> {
  const edge = await startEdgeUnderTest(settings, PARTITIONS);
  try {
    edge.worker.run();
    await use(edge);
  } finally {
    await edge.stop();
  }
}

/** Numbers 0, 1, 2… one after the other to the partitions in turn, until it is stopped. */
class Traffic {
  produced = 0;
  readonly #timer: NodeJS.Timeout;

  constructor({ worker }: EdgeUnderTest) {
    this.#timer = setInterval(() => {
      for (let i = 0; i < 20; i++) worker.produce(this.produced % PARTITIONS, this.produced++);
    }, 5);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Settles the ledger of a client that subscribed before anything was produced and was never closed. */
async function settle(t: Test, { produced }: Traffic, client: TestClient, id: string): Promise<void> {
  const wanted = (partition: number): number[] =>
    Array.from({ length: Math.ceil((produced - partition) / PARTITIONS) }, (_, i) => partition + i * PARTITIONS);
  const all = [0, 1, 2, 3];
  await until('everything', () => all.every((p) => client.numbers(id).get(p)?.at(-1) === wanted(p).at(-1)), 30_000);
  for (const partition of all) t.same(client.numbers(id).get(partition), wanted(partition), `partition ${partition}`);
  t.equal(client.closeCode, null);
}

async function metric({ metrics }: EdgeUnderTest, line: RegExp): Promise<boolean> {
  return line.test(await metrics.registry.metrics());
}

t.test('lost messages are read again from Kafka; clients see a delay and nothing else', async (t) => {
  await withEdge({}, async (edge) => {
    const { url, worker } = edge;
    const clients = await Promise.all([0, 1, 2].map(() => TestClient.open(url)));
    for (const [i, client] of clients.entries()) await client.subscribe('a', i === 2 ? { filter: 'n > -5' } : {});
    const traffic = new Traffic(edge);
    for (let round = 0; round < 12; round++) {
      worker.losing.add(round % PARTITIONS);
      if (round % 3 === 0) worker.losing.add((round + 1) % PARTITIONS);
      await delay(20);
      worker.losing.clear();
      await delay(30);
    }
    traffic.stop();
    for (const client of clients) await settle(t, traffic, client, 'a');
    t.ok(worker.replayRequests.every(({ channels }) => channels === 'interest'));
    t.ok(await metric(edge, /mds_edge_repairs_total\{state="done"\} [1-9]/));
    await until('all is whole', () => metric(edge, /mds_edge_level\{of="repairs"\} 0/));
    for (const client of clients) client.close();
  });
});

t.test('an answer to a repair that gets lost is asked for again', async (t) => {
  await withEdge({ MDS_EDGE_REPLAY_TIMEOUT_MS: '150' }, async (edge) => {
    const client = await TestClient.open(edge.url);
    await client.subscribe('a');
    const traffic = new Traffic(edge);
    edge.worker.answersToLose = 3;
    edge.worker.losing.add(1);
    await delay(30);
    edge.worker.losing.clear();
    await until('asked again', () => edge.worker.replayRequests.length > 3);
    traffic.stop();
    await settle(t, traffic, client, 'a');
    client.close();
  });
});

t.test('a range that Kafka has deleted meanwhile is told as a gap, and delivery goes on behind it', async (t) => {
  await withEdge({}, async ({ url, worker }) => {
    const client = await TestClient.open(url);
    await client.subscribe('a');
    worker.produce(0, 0);
    await client.next('events');
    worker.losing.add(0);
    for (let n = 1; n < 5; n++) worker.produce(0, n);
    await delay(50);
    worker.firstOffset = 3;
    worker.losing.clear();
    worker.produce(0, 5);
    const gap = await client.next('gap');
    t.match(gap, { id: 'a', partition: 0, code: 'MDS_REPLAY_EXPIRED' });
    t.same([gap.from[0], gap.to[0]], [0, 2]);
    await until('what is left', () => client.numbers('a').get(0)?.at(-1) === 5);
    t.same(client.numbers('a').get(0), [0, 3, 4, 5]);
    t.equal(client.closeCode, null);
    client.close();
  });
});

t.test('a repair that nobody answers ends in 4002, and the resume of the client fills the hole', async (t) => {
  await withEdge({ MDS_EDGE_REPLAY_TIMEOUT_MS: '100', MDS_EDGE_REPAIR_TRIES: '3' }, async ({ url, worker }) => {
    const client = await TestClient.open(url);
    const subscribed = await client.subscribe('a');
    worker.produce(1, 1);
    await client.next('events');
    worker.isAnsweringReplays = false;
    worker.losing.add(1);
    worker.produce(1, 2);
    await delay(50);
    worker.losing.clear();
    t.equal(await client.closed(), 4002);
    t.equal((await client.next('goodbye')).code, 'MDS_GAP');
    t.equal(worker.replayRequests.length, 3);
    worker.isAnsweringReplays = true;
    const { topicId, position } = decodeResumeToken(subscribed.position);
    const reached = new Map(position);
    moveOn(reached, client.frames);
    const again = await TestClient.open(url);
    await again.subscribe('a', { resume: encodeResumeToken({ topicId, position: reached }) });
    await again.next('live');
    worker.produce(1, 3);
    await until('both', () => (again.numbers('a').get(1)?.length ?? 0) >= 2);
    t.same(again.numbers('a').get(1), [2, 3]);
    again.close();
  });
});

t.test('a restart of Redis under traffic costs nobody his connection or an event', async (t) => {
  await withEdge({}, async (edge) => {
    const { url, worker, redis } = edge;
    const client = await TestClient.open(url);
    await client.subscribe('a');
    const traffic = new Traffic(edge);
    await client.next('events', 5);
    await redis.stop();
    for (let partition = 0; partition < PARTITIONS; partition++) worker.losing.add(partition);
    await delay(100);
    await redis.start();
    await worker.writeCatalog();
    worker.losing.clear();
    await until('interest is there again', () => worker.interestCount === 1);
    await client.next('events', 100);
    traffic.stop();
    await settle(t, traffic, client, 'a');
    client.close();
  });
});

for (const [how, cut] of [
  ['half open', 'stall'],
  ['starved: connected, subscribed, and nothing arrives', 'swallow'],
] as const) {
  t.test(`a lane connection that is ${how} is replaced, and nothing is missing`, async (t) => {
    await withEdge({}, async (edge) => {
      const { url, proxy } = edge;
      const client = await TestClient.open(url);
      await client.subscribe('a');
      const traffic = new Traffic(edge);
      await client.next('events', 5);
      proxy[cut]();
      const cutMs = performance.now();
      await until('a new lane connection', () => proxy.laneCount > 1, 5000);
      t.comment(`a new lane connection after ${Math.round(performance.now() - cutMs)} ms`);
      await delay(100);
      traffic.stop();
      await settle(t, traffic, client, 'a');
      t.ok(await metric(edge, /mds_edge_lane_reconnects_total\{reason="probe_lost"\} 1/));
      client.close();
    });
  });
}

t.test('a lane that stays dead is tried again and again, and is well when the network is', async (t) => {
  await withEdge({}, async (edge) => {
    const { url, proxy, health } = edge;
    const client = await TestClient.open(url);
    await client.subscribe('a');
    const traffic = new Traffic(edge);
    proxy.stallAll();
    await until('not ready', () => !health.readiness().ready);
    await until('tried twice', () => proxy.laneCount > 2, 20_000);
    proxy.mend();
    await until('ready', () => health.readiness().ready, 20_000);
    traffic.stop();
    await settle(t, traffic, client, 'a');
    client.close();
  });
});

t.test('workers that are silent make the edge unready, and leave its lane alone', async (t) => {
  await withEdge({}, async ({ url, worker, proxy, health }) => {
    const client = await TestClient.open(url);
    await client.subscribe('a');
    worker.isSilent = true;
    await until('not ready', () => !health.readiness().ready);
    await delay(1500); // as long as a dead lane would need to be replaced
    t.equal(proxy.laneCount, 1);
    worker.isSilent = false;
    await until('ready', () => health.readiness().ready);
    client.close();
  });
});

t.test('a channel that a new owner has not heard of is replayed and joined again, without a word', async (t) => {
  await withEdge({}, async (edge) => {
    const client = await TestClient.open(edge.url);
    await client.subscribe('a');
    const traffic = new Traffic(edge);
    await client.next('events', 5);
    edge.worker.unhear();
    edge.worker.changeOwner(3);
    await client.next('live');
    traffic.stop();
    await settle(t, traffic, client, 'a');
    client.close();
  });
});

t.test('hundreds of clients that resume in the same moment share a few replays', async (t) => {
  await withEdge({}, async (edge) => {
    const { url, worker } = edge;
    const before = await TestClient.open(url);
    const { position } = decodeResumeToken((await before.subscribe('a')).position);
    const resume = encodeResumeToken({ topicId: TOPIC_ID, position });
    for (let n = 0; n < 400; n++) worker.produce(n % PARTITIONS, n);
    await until('all', () => [...before.numbers('a').values()].flat().length === 400);
    before.close();
    const clients = await Promise.all(Array.from({ length: 300 }, () => TestClient.open(url)));
    for (const [i, client] of clients.entries())
      client.say({ type: 'subscribe', id: 'a', topic: 'host.metrics', filter: `n > -${i + 1}`, resume });
    for (const client of clients) await client.next('live');
    for (const client of clients) {
      const numbers = [0, 1, 2, 3].flatMap((partition) => client.numbers('a').get(partition) ?? []);
      if (numbers.length !== 400 || new Set(numbers).size !== 400) t.fail(`${numbers.length} events`);
    }
    const asked = worker.replayRequests.length;
    t.comment(`${asked} requests for ${clients.length} clients`);
    t.ok(asked < clients.length / 4);
    for (const client of clients) client.close();
  });
});
