// Several tenants at one edge: topics of one name, quotas, and a flood that another does not notice.

import t from 'tap';
import { settled } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS } from '../harness/ledger.ts';
import { LibrarySubscriber } from '../harness/library-subscriber.ts';
import { MEASUREMENT_SCHEMA } from '../harness/measurement.ts';
import type { TopicInfo } from '../harness/rest-client.ts';
import { StreamSubscriber } from '../harness/stream-subscriber.ts';
import { until } from '../harness/until.ts';
import { WireSubscriber } from '../harness/wire-subscriber.ts';
import { IdentityScene } from './identity-scene.ts';

const TIMEOUT_MS = 30_000;
/** Distinct filters, each of which has to be planned. */
const FLOOD = 600;
const DELIVERIES_PER_SECOND = 500;

t.setTimeout(240_000);
/** A hundred events or so: a tenant is held back between the pieces of a replay, not inside of one. */
const REPLAY_BYTES = '16384';
const scene = await IdentityScene.start(t, { MDS_EDGE_REPLAY_BYTES: REPLAY_BYTES });
const acme = await scene.tenant('acme');
const beta = await scene.tenant('beta', { connections: 3, subscriptions: 4 });

const topicOf = async (credential: string, name: string): Promise<TopicInfo> => {
  const api = scene.api.as(credential);
  return api.createTopic({ name, partitions: 2, schema: MEASUREMENT_SCHEMA });
};

t.test(
  'topics of one name are two topics, and that of another tenant is as unknown as one that nobody has',
  async (t) => {
    const [mine, theirs] = [await topicOf(acme.credential, 'metrics'), await topicOf(beta.credential, 'metrics')];
    t.not(mine.kafkaTopic, theirs.kafkaTopic);
    const reader = await WireSubscriber.connect(scene.url, { header: acme.credential });
    const other = await WireSubscriber.connect(scene.url, { header: beta.credential });
    const [first, second] = await Promise.all([
      reader.subscribe({ id: 's', topic: 'metrics' }),
      other.subscribe({ id: 's', topic: 'metrics' }),
    ]);
    const streams = [await scene.stream(mine), await scene.stream(theirs)] as const;
    await until('some events', TIMEOUT_MS, () => Math.min(first.received.length, second.received.length) > 500);
    for (const stream of streams) await stream.stop();
    for (const [stream, { received, start: after }] of [
      [streams[0], first],
      [streams[1], second],
    ] as const) {
      const filter = { cel: '', matches: () => true };
      const ledger = await settled({ stream, filter, received, after });
      t.comment(ledgerText(ledger));
      t.same(faultsOf(ledger), NO_FAULTS);
    }
    await topicOf(acme.credential, 'only-ours');
    const answers = [];
    for (const topic of ['only-ours', 'nobodys-own']) {
      other.send({ type: 'subscribe', id: topic, topic });
      const { code, message, details } = await other.frame('error', topic);
      answers.push(JSON.stringify({ code, message, details }).replaceAll(topic, 'it'));
    }
    t.match(answers[0], 'MDS_TOPIC_UNKNOWN');
    t.equal(answers[0], answers[1]);
    reader.close();
    other.close();
  },
);

t.test('a tenant that has all it may have is told so, and others are not', async (t) => {
  const { httpUrl, url } = scene;
  const held = await WireSubscriber.connect(url, { header: beta.credential });
  for (let i = 0; i < 4; i++) await held.subscribe({ id: `s${i}`, topic: 'metrics' });
  held.send({ type: 'subscribe', id: 'more', topic: 'metrics' });
  t.match(await held.frame('error', 'more'), { code: 'MDS_QUOTA_EXCEEDED', retryable: true });
  const others = [
    await WireSubscriber.connect(url, { header: beta.credential }),
    await WireSubscriber.connect(url, { header: beta.credential }),
  ];
  const late = WireSubscriber.knock(url, { header: beta.credential });
  t.match(await late.frame('goodbye'), { code: 'MDS_QUOTA_EXCEEDED' });
  const response = await fetch(`${httpUrl}/v1/topics/metrics/events`, {
    headers: { accept: 'application/json', authorization: `Bearer ${beta.credential}` },
  });
  t.equal(response.status, 429);
  t.ok(response.headers.has('retry-after'));
  t.match(await response.json(), { code: 'MDS_QUOTA_EXCEEDED' });
  const unaffected = await WireSubscriber.connect(url, { header: acme.credential });
  t.ok(await unaffected.subscribe({ id: 's', topic: 'metrics' }));
  for (const subscriber of [held, ...others, unaffected]) subscriber.close();
});

t.test('a tenant beyond its deliveries a second gets the rest later, in order and whole, at both doors', async (t) => {
  const slow = await scene.tenant('slow', { deliveriesPerSecond: DELIVERIES_PER_SECOND });
  const theirs = await topicOf(slow.credential, 'metrics');
  await scene.service.assigned('metrics');
  const library = new LibrarySubscriber({ connect: { url: scene.url, credential: slow.credential }, topic: 'metrics' });
  const overHttp = new StreamSubscriber('metrics', {}, slow.credential);
  t.teardown(() => library.close());
  t.teardown(() => overHttp.close());
  await library.open();
  await overHttp.open(scene.httpUrl);
  const startedMs = performance.now();
  const stream = await scene.stream(theirs, 2 * DELIVERIES_PER_SECOND);
  await until('enough events', TIMEOUT_MS, () => stream.producer.produced.length >= 6 * DELIVERIES_PER_SECOND);
  await stream.stop();
  const filter = { cel: '', matches: () => true };
  const ledgers = [
    await settled({ stream, filter, received: library.received, after: library.start }),
    await settled({ stream, filter, received: overHttp.received, after: overHttp.start ?? new Map() }),
  ];
  const tookSeconds = (performance.now() - startedMs) / 1000;
  for (const ledger of ledgers) {
    t.comment(`in ${Math.round(tookSeconds)} s: ${ledgerText(ledger)}`);
    t.same(faultsOf(ledger), NO_FAULTS);
  }
  const delivered = library.received.length + overHttp.received.length;
  // More than the quota by a burst of a second, and by what replays bring between two looks at it.
  t.ok(delivered / tookSeconds < 2 * DELIVERIES_PER_SECOND, `${Math.round(delivered / tookSeconds)} a second`);
  t.equal(library.reconnects, 0);
  t.equal(overHttp.ends, 0);
});

t.test('one tenant floods an edge with connects and filters; the other gets every event', async (t) => {
  const mine = await topicOf(acme.credential, 'calm');
  const calm = new LibrarySubscriber({ connect: { url: scene.url, credential: acme.credential }, topic: 'calm' });
  t.teardown(() => calm.close());
  await calm.open();
  const stream = await scene.stream(mine);
  const flooder = await scene.key({ tenant: 'default', grants: [{ actions: ['subscribe'], topics: ['*'] }] });
  const theirs = await scene.topic('flood');
  const flood: WireSubscriber[] = [];
  for (let i = 0; i < FLOOD; i++) {
    const subscriber = flood[i % 8] ?? (await WireSubscriber.connect(scene.url, { header: flooder.credential }));
    if (i < 8) flood.push(subscriber);
    subscriber.send({
      type: 'subscribe',
      id: `f${i}`,
      topic: theirs.name,
      filter: `count == ${i} && total > ${i * 3}`,
    });
    if (i % 20 === 0) WireSubscriber.knock(scene.url, { header: flooder.credential }).close();
  }
  const target = calm.received.length + 2000;
  await until('more events', TIMEOUT_MS, () => calm.received.length > target);
  await stream.stop();
  const ledger = await settled({
    ...{ stream, filter: { cel: '', matches: () => true }, received: calm.received },
    after: calm.start,
  });
  t.comment(`beside ${FLOOD} filters of another tenant: ${ledgerText(ledger)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
  t.equal(calm.reconnects, 0);
  for (const subscriber of flood) subscriber.close();
});
