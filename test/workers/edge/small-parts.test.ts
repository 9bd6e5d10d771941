// The edge's small pure parts: rate limit, origins, the rolling window, the catalog's copy, replay requests.

import t from 'tap';
import type { ReplayRequest } from '../../../schemas/coordination.ts';
import { Catalog } from '../../../workers/edge/catalog.ts';
import { LatencyWindow } from '../../../workers/edge/latency-window.ts';
import { isHostAllowed, isOriginAllowed } from '../../../workers/edge/origin-check.ts';
import { ReplayClient, type ReplayListener } from '../../../workers/edge/replay-client.ts';
import { TokenBucket } from '../../../workers/edge/token-bucket.ts';

t.test('a bucket lets a burst through and then the rate', async (t) => {
  const bucket = new TokenBucket(10, 2, 0);
  t.same([bucket.take(0), bucket.take(0), bucket.take(0)], [true, true, false]);
  t.same([bucket.take(100), bucket.take(100)], [true, false]);
  t.same([bucket.take(10_000), bucket.take(10_000), bucket.take(10_000)], [true, true, false]);
});

t.test('origins: none, loopback and the listed ones may connect', async (t) => {
  for (const origin of ['', 'http://localhost:9400', 'https://127.0.0.1', 'http://[::1]:1', 'https://ok.example']) {
    t.ok(isOriginAllowed(origin, ['https://ok.example']), origin);
  }
  for (const origin of ['null', 'https://evil.example', 'http://localhost.evil.example', 'https://ok.example.evil']) {
    t.notOk(isOriginAllowed(origin, ['https://ok.example']), origin);
  }
  t.ok(isOriginAllowed('https://evil.example', ['*']));
});

t.test('a name that was bent to this machine is none of its own', (t) => {
  const allowed = ['https://ok.example'];
  for (const host of ['localhost:9411', '127.0.0.1', '[::1]:9411', 'ok.example'])
    t.ok(isHostAllowed(host, allowed), host);
  for (const host of ['', 'rebound.example', 'localhost@rebound.example', 'ok.example:9411', 'a b']) {
    t.notOk(isHostAllowed(host, allowed), host);
  }
  t.end();
});

t.test('the window forgets what is older than ten seconds', async (t) => {
  const window = new LatencyWindow(0);
  t.match(window.summary(0), { deliveriesPerSecond: 0, latencyP50Ms: null, latencyP99Ms: null });
  for (let i = 0; i < 100; i++) window.record(9000, 1, 5, i < 98 ? 10 : 500);
  window.record(9000, 1, 5, null);
  const { latencyP50Ms, latencyP99Ms, ...rates } = window.summary(10_000);
  t.same(rates, { deliveriesPerSecond: 50.5, framesPerSecond: 10.1 });
  t.equal(latencyP50Ms, 10);
  t.ok(latencyP99Ms !== null && latencyP99Ms >= 495);
  window.record(15_000, 0, 0, 1);
  t.match(window.summary(30_000), { deliveriesPerSecond: 0, latencyP50Ms: null });
});

const topic = (name: string, more: object = {}): string =>
  JSON.stringify({
    topicId: 1,
    tenant: 'default',
    name,
    kafkaTopic: `default.${name}`,
    deadLetterTopic: 'default.dead-letter',
    partitions: 1,
    schemaId: 1,
    schema: '{"type":"record","name":"R","fields":[{"name":"n","type":"long"}]}',
    ...more,
  });

t.test('the catalog keeps its last good copy', async (t) => {
  const catalog = new Catalog();
  t.equal(catalog.update({ 1: topic('metrics') }), true);
  t.equal(catalog.update({ 1: topic('metrics') }), false);
  t.equal(catalog.update({}), false);
  t.throws(() => catalog.update({ 1: '{}' }), { code: 'MDS_COORDINATION_CORRUPT' });
  t.equal(catalog.topicNamed('default', 'metrics').topicId, 1);
  t.throws(() => catalog.topicNamed('default', 'metrisc'), {
    code: 'MDS_TOPIC_UNKNOWN',
    message: /did you mean metrics/,
  });
  t.throws(() => catalog.topicNamed('default', 'something'), { code: 'MDS_TOPIC_UNKNOWN' });
});

t.test('topics of other tenants are not there, and equal requests give the same plan', async (t) => {
  const catalog = new Catalog();
  catalog.update({ 1: topic('metrics'), 2: topic('secret', { topicId: 2, tenant: 'other' }) });
  t.throws(() => catalog.topicNamed('default', 'secret'), { code: 'MDS_TOPIC_UNKNOWN' });
  const metrics = catalog.topicNamed('default', 'metrics');
  t.equal(catalog.planFor(metrics, { filter: 'n > 1' }, 'json'), catalog.planFor(metrics, { filter: 'n > 1' }, 'json'));
  t.throws(() => catalog.planFor(metrics, { filter: 'm > 1' }, 'json'), { code: 'MDS_FILTER_UNKNOWN_FIELD' });
  t.throws(() => catalog.planFor({ ...metrics, schema: '"string"' }, {}, 'json'), { code: 'MDS_SCHEMA_NOT_RECORD' });
});

t.test('replays: few are outstanding, the others wait in order, and a silent one is reported', async (t) => {
  const pushed: ReplayRequest[] = [];
  const stalled: number[] = [];
  let nowMs = 0;
  const replays = new ReplayClient({
    edgeId: 'e',
    push: (request) => pushed.push(request),
    maxOutstanding: 2,
    answerTimeoutMs: 100,
    sharedNow: () => 0,
    maxBytes: 10,
    now: () => nowMs,
    later: (action) => action(),
  });
  const listeners = [0, 1, 2].map(
    (i): ReplayListener => ({ onReplayEnvelope: () => {}, onReplayStalled: () => stalled.push(i) }),
  );
  for (const [i, listener] of listeners.entries())
    replays.ask(listener, { topicId: i, channel: { channel: 'c', plan: {} }, ranges: [] });
  t.match([replays.outstandingCount, replays.waitingCount], [2, 1]);
  const [first] = listeners;
  if (first) replays.release(first);
  t.same(
    pushed.map(({ topicId, requestId }) => [topicId, requestId]),
    [
      [0, 1],
      [1, 2],
      [2, 3],
    ],
  );
  nowMs = 100;
  replays.tick();
  t.same(stalled, [1, 2]);
  t.equal(replays.outstandingCount, 0);
});
