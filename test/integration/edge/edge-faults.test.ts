// The edge with real sockets and a real Redis when things go wrong: gaps, slow clients, resumes, Redis away, drain.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { decodeResumeToken, encodeResumeToken } from '../../../schemas/resume-token.ts';
import { type EdgeUnderTest, moveOn, startEdgeUnderTest, TestClient, until } from './edge-harness.ts';
import { TOPIC_ID } from './played-worker.ts';

async function withEdge(settings: Record<string, string>, use: (edge: EdgeUnderTest) => Promise<void>): Promise<void> {
  const edge = await startEdgeUnderTest(settings);
  try {
    edge.worker.run();
    await use(edge);
  } finally {
    await edge.stop();
  }
}

t.test('a client that resumes fifty times under traffic has everything once', async (t) => {
  await withEdge({}, async ({ url, worker }) => {
    let produced = 0;
    const producing = setInterval(() => {
      for (let i = 0; i < 20; i++) worker.produce(produced % 4, produced++);
    }, 5);
    const received = new Map<number, number[]>();
    let client = await TestClient.open(url);
    const { position } = decodeResumeToken((await client.subscribe('a')).position);
    const reached = new Map(position);
    const first = [...position].map(([partition, { offset }]) => [partition, (offset + 1) * 4 + partition] as const);
    const settle = (): void => {
      client.close();
      moveOn(reached, client.frames);
      for (const [partition, numbers] of client.numbers('a')) {
        received.set(partition, [...(received.get(partition) ?? []), ...numbers]);
      }
      client.frames.length = 0;
    };
    for (let round = 0; round < 50; round++) {
      await delay(Math.random() * 40);
      settle();
      client = await TestClient.open(url);
      await client.subscribe('a', { resume: encodeResumeToken({ topicId: TOPIC_ID, position: reached }) });
    }
    clearInterval(producing);
    await client.next('live');
    const last = (partition: number): number => Math.floor((produced - 1 - partition) / 4) * 4 + partition;
    await until('the end', () =>
      [0, 1, 2, 3].every((p) => (client.numbers('a').get(p)?.at(-1) ?? received.get(p)?.at(-1)) === last(p)),
    );
    settle();
    for (const [partition, start] of first) {
      const wanted = Array.from({ length: (last(partition) - start) / 4 + 1 }, (_, i) => start + i * 4);
      t.same(received.get(partition), wanted, `partition ${partition}`);
    }
  });
});

t.test('a client that does not read is closed with 4001 and delays nobody; it resumes without a hole', async (t) => {
  await withEdge({ MDS_EDGE_MAX_BUFFERED_BYTES: '65536' }, async ({ url, worker }) => {
    const slow = await TestClient.open(url);
    const fast = await TestClient.open(url);
    const subscribed = await slow.subscribe('s');
    await fast.subscribe('f');
    slow.socket.pause();
    let produced = 0;
    for (; produced < 3000; produced++) {
      worker.produce(0, produced, 10_000);
      if (produced % 30 === 0) await delay(2);
    }
    await until('the fast one has all', () => fast.numbers().get(0)?.length === produced, 20_000);
    slow.socket.resume();
    t.equal(await slow.closed(), 4001);
    t.equal((await slow.next('goodbye')).code, 'MDS_SLOW_CONSUMER');
    const before = slow.numbers().get(0) ?? [];
    t.ok(before.length < produced, 'it did not get everything');
    const reached = new Map(decodeResumeToken(subscribed.position).position);
    moveOn(reached, slow.frames);
    const again = await TestClient.open(url);
    await again.subscribe('s', { resume: encodeResumeToken({ topicId: TOPIC_ID, position: reached }) });
    await again.next('live');
    t.same(
      [...before, ...(again.numbers('s').get(0) ?? [])],
      Array.from({ length: produced }, (_, n) => n),
    );
    again.close();
    fast.close();
  });
});

t.test('a resume into a range that Kafka no longer has tells the range and goes on behind it', async (t) => {
  await withEdge({}, async ({ url, worker }) => {
    for (let n = 0; n < 10; n++) worker.produce(0, n);
    worker.firstOffset = 6;
    const client = await TestClient.open(url);
    const position = new Map([[0, { offset: 1, index: 0 }]]);
    await client.subscribe('a', { resume: encodeResumeToken({ topicId: TOPIC_ID, position }) });
    await client.next('live');
    const gap = await client.next('gap');
    t.match(gap, { id: 'a', partition: 0, from: [1, 0], code: 'MDS_REPLAY_EXPIRED' });
    t.equal(gap.to[0], 5);
    t.same(client.numbers('a').get(0), [6, 7, 8, 9]);
    client.close();
  });
});

t.test('a replay nobody answers is asked for three times and then given up, retryable', async (t) => {
  await withEdge({ MDS_EDGE_REPLAY_TIMEOUT_MS: '150' }, async ({ url, worker }) => {
    worker.isAnsweringReplays = false;
    worker.produce(0, 1);
    const client = await TestClient.open(url);
    const position = new Map([[0, { offset: -1, index: 0 }]]);
    await client.subscribe('a', { resume: encodeResumeToken({ topicId: TOPIC_ID, position }) });
    const error = await client.next('error');
    t.match(error, { id: 'a', code: 'MDS_REPLAY_FAILED', retryable: true });
    t.equal(worker.replayRequests.length, 3);
    client.close();
  });
});

t.test('a partition without a worker gives a retryable error that names it', async (t) => {
  await withEdge({ MDS_EDGE_JOIN_TIMEOUT_MS: '300' }, async ({ url, worker }) => {
    worker.losing.add(2);
    const client = await TestClient.open(url);
    client.say({ type: 'subscribe', id: 'a', topic: 'host.metrics' });
    const error = await client.next('error');
    t.match(error, { id: 'a', code: 'MDS_JOIN_TIMEOUT', retryable: true });
    t.same(error.details?.partitions, [2]);
    worker.losing.clear();
    await client.subscribe('a');
    client.close();
  });
});

t.test('a change of owner, with an overlap, is not noticed by subscribers', async (t) => {
  await withEdge({}, async ({ url, worker }) => {
    const client = await TestClient.open(url);
    await client.subscribe('a');
    for (let n = 0; n < 20; n++) worker.produce(0, n);
    await until('20', () => client.numbers().get(0)?.length === 20);
    worker.changeOwner(10);
    for (let n = 20; n < 40; n++) worker.produce(0, n);
    await until('40', () => (client.numbers().get(0)?.length ?? 0) >= 40);
    t.same(
      client.numbers().get(0),
      Array.from({ length: 40 }, (_, n) => n),
    );
    t.equal(client.closeCode, null);
    client.close();
  });
});

t.test('a corrupt envelope is counted and dropped', async (t) => {
  await withEdge({}, async ({ url, worker, metrics }) => {
    const client = await TestClient.open(url);
    await client.subscribe('a');
    await worker.sendRaw(Buffer.alloc(200, 7));
    await until('counted', async () => /mds_edge_lane_corrupt_total 1/.test(await metrics.registry.metrics()));
    worker.produce(0, 1);
    await client.next('events');
    t.equal(client.closeCode, null);
    client.close();
  });
});

t.test('the interest outlives its last subscriber for a moment, then it is withdrawn', async (t) => {
  await withEdge({ MDS_EDGE_LINGER_MS: '300' }, async ({ url, worker }) => {
    const client = await TestClient.open(url);
    await client.subscribe('a');
    t.equal(worker.interestCount, 1);
    client.close();
    const again = await TestClient.open(url);
    await again.subscribe('a');
    t.equal(worker.interestCount, 1);
    again.close();
    await until('withdrawn', () => worker.interestCount === 0);
  });
});

t.test(
  'while Redis is away clients stay and a subscribe gets a retryable error; afterwards all is well again',
  async (t) => {
    await withEdge({}, async ({ url, worker, redis, health }) => {
      const client = await TestClient.open(url);
      await client.subscribe('a');
      await redis.stop();
      await until('not ready', () => !health.readiness().ready);
      client.say({ type: 'subscribe', id: 'b', topic: 'host.metrics', filter: 'n > 5' });
      t.match(await client.next('error'), { id: 'b', code: 'MDS_DEPENDENCY_UNAVAILABLE', retryable: true });
      t.equal(client.closeCode, null);
      await redis.start();
      await worker.writeCatalog();
      await until('interest is there again', () => worker.interestCount === 1);
      await until('ready', () => health.readiness().ready);
      const again = await TestClient.open(url);
      await again.subscribe('c', { filter: 'n > 5' });
      worker.produce(0, 6);
      await again.next('events');
      client.close();
      again.close();
    });
  },
);

t.test('subscribers of a topic that is deleted are told', async (t) => {
  await withEdge({}, async ({ url, worker }) => {
    const client = await TestClient.open(url);
    await client.subscribe('a');
    await worker.replaceCatalog();
    t.match(await client.next('error'), { id: 'a', code: 'MDS_TOPIC_UNKNOWN' });
    client.close();
  });
});

t.test('too many connections are sent elsewhere with 4005', async (t) => {
  await withEdge({ MDS_EDGE_MAX_CONNECTIONS: '1' }, async ({ url }) => {
    const first = await TestClient.open(url);
    await first.next('welcome');
    const second = await TestClient.open(url);
    t.equal(await second.closed(), 4005);
    first.close();
  });
});

t.test('a draining edge says goodbye to everybody and closes with 4000', async (t) => {
  await withEdge({}, async ({ url, edge, worker }) => {
    const clients = await Promise.all(Array.from({ length: 120 }, () => TestClient.open(url)));
    await Promise.all(clients.map((client) => client.subscribe('a')));
    const startedMs = Date.now();
    await edge.stop();
    t.ok(Date.now() - startedMs < 10_000);
    for (const client of clients) {
      if ((await client.closed()) !== 4000) t.fail('closed with another code');
      if (client.of('goodbye')[0]?.code !== 'MDS_SHUTTING_DOWN') t.fail('no goodbye');
    }
    await until('interest is withdrawn', () => worker.interestCount === 0);
  });
});
