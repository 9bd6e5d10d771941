// Who is at the edge, on the whole service under flow: each way to say it, what each may read, and that nobody reads longer
// than they may. What is received is settled against an independent model.

import t from 'tap';
import { connect, type Delivery } from '../../../client/library/index.ts';
import { CLOSE_CODES } from '../../../schemas/close-codes.ts';
import { settled } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS, type ReceivedEvent } from '../harness/ledger.ts';
import { LibrarySubscriber } from '../harness/library-subscriber.ts';
import { until } from '../harness/until.ts';
import { type Shown, WireSubscriber } from '../harness/wire-subscriber.ts';
import { ACTIVE, EFFECTIVE_MS, IdentityScene, rowsOf, SLACK_MS } from './identity-scene.ts';

const TIMEOUT_MS = 30_000;

t.setTimeout(300_000);
const scene = await IdentityScene.start(t, { MDS_EDGE_AUTH_TIMEOUT_MS: '1000' });
const topic = await scene.topic('rows');
const ms = await scene.reader('ms');
const bytes = await scene.reader('By');

/** Since when, in ms, until it was closed. */
async function closedAfter(subscriber: WireSubscriber, sinceMs: number): Promise<number> {
  await until('the connection to be closed', EFFECTIVE_MS + TIMEOUT_MS, () => subscriber.closeCode !== null);
  return performance.now() - sinceMs;
}

t.test('a credential comes by header, by subprotocol or as the first message', async (t) => {
  const ways: readonly Shown[] = [
    { header: ms.credential },
    { subprotocol: ms.credential },
    { message: ms.credential },
  ];
  for (const shown of ways) {
    const subscriber = await WireSubscriber.connect(scene.url, shown);
    t.match(await subscriber.frame('welcome'), { identity: { tenant: 'default', subject: `key:${ms.id}` } });
    subscriber.close();
  }
});

t.test('without a valid one there is nothing but an error and a final close', async (t) => {
  const bad = 'mds_nothing';
  for (const shown of [{}, { header: bad }, { subprotocol: bad }, { message: bad }]) {
    const subscriber = WireSubscriber.knock(scene.url, shown);
    subscriber.frames.length = 0;
    await until('it to be closed', TIMEOUT_MS, () => subscriber.closeCode !== null);
    t.equal(subscriber.closeCode, CLOSE_CODES.UNAUTHENTICATED, JSON.stringify(Object.keys(shown)));
    t.notOk(subscriber.frames.some(({ type }) => type === 'welcome'));
    t.ok(subscriber.frames.some(({ type, code }) => type === 'error' && code === 'MDS_UNAUTHENTICATED'));
  }
});

t.test(
  'two of a tenant who ask for the same read their own rows only, live and from the other one’s token',
  async (t) => {
    const first = await WireSubscriber.connect(scene.url, { header: ms.credential });
    const second = await WireSubscriber.connect(scene.url, { header: bytes.credential });
    const asked = { id: 's', topic: topic.name, filter: ACTIVE.cel };
    const mine = await first.subscribe(asked);
    const theirs = await second.subscribe(asked);
    t.equal(mine.filter, ACTIVE.cel, 'it is told what it asked for, and not what its grants demand');
    t.not(mine.channel, theirs.channel);
    const stream = await scene.stream(topic);
    await until('some events', TIMEOUT_MS, () => Math.min(mine.received.length, theirs.received.length) > 200);
    await stream.stop();
    const live = [
      { unit: 'ms', subscription: mine },
      { unit: 'By', subscription: theirs },
    ] as const;
    for (const { unit, subscription } of live) {
      const { received, start: after } = subscription;
      const ledger = await settled({ stream, filter: rowsOf(unit, ACTIVE), received, after });
      t.comment(`rows of ${unit}: ${ledgerText(ledger)}`);
      t.same(faultsOf(ledger), NO_FAULTS);
    }
    const { position } = await first.frame('subscribed', 's');
    const again = await second.subscribe({ ...asked, id: 'again', resume: String(position) });
    const replayed = await settled({
      ...{ stream, filter: rowsOf('By', ACTIVE), received: again.received },
      after: again.start,
    });
    t.comment(`from the other one's token: ${ledgerText(replayed)}`);
    t.same(faultsOf(replayed), NO_FAULTS);
    first.close();
    second.close();
  },
);

t.test('so with an overflow policy', async (t) => {
  const subscriber = await WireSubscriber.connect(scene.url, { header: bytes.credential });
  const wish = { id: 'o', topic: topic.name, overflow: 'drop' };
  subscriber.send({ type: 'subscribe', ...wish });
  await subscriber.frame('subscribed', 'o');
  const received = subscriber.subscriptions.get('o')?.received ?? [];
  const stream = await scene.stream(topic);
  await until('some events', TIMEOUT_MS, () => received.length > 200);
  await stream.stop();
  const units = new Set(received.map(({ data }) => (data as { unit: string }).unit));
  t.same([...units], ['By']);
  subscriber.close();
});

t.test('a durable subscription gives what its maker may read, to nobody who may read less', async (t) => {
  const api = scene.api.as(ms.credential);
  const name = `durable-${scene.service.namespace.id}`;
  await api.post('/v1/subscriptions', { name, topic: topic.name, filter: ACTIVE.cel });
  const client = connect({ url: scene.url, credential: ms.credential });
  t.teardown(() => client.close());
  const received: ReceivedEvent[] = [];
  const durable = client.consume({ subscription: name });
  const reading = (async () => {
    for await (const delivery of durable) {
      received.push(receivedOf(delivery));
      void delivery.ack();
    }
  })();
  await durable.ready;
  const other = await WireSubscriber.connect(scene.url, { header: bytes.credential });
  other.send({ type: 'consume', id: 'd', subscription: name, consumer: 'other' });
  t.match(await other.frame('error', 'd'), { code: 'MDS_FORBIDDEN' });
  const stream = await scene.stream(topic);
  await until('some events', TIMEOUT_MS, () => received.length > 200);
  await stream.stop();
  const ledger = await settled({ stream, filter: rowsOf('ms', ACTIVE), received, after: new Map() });
  t.comment(ledgerText(ledger));
  t.same(faultsOf(ledger), NO_FAULTS);
  other.close();
  client.close();
  await reading.catch(() => {});
});

t.test('tokens that live for seconds are renewed on one connection, and not an event is lost or doubled', async (t) => {
  let asked = 0;
  const credential = (): Promise<string> => {
    asked += 1;
    return scene.token('ms', 4);
  };
  await until('the issuer to be known at the edge', TIMEOUT_MS, async () => {
    const { status } = await fetch(`${scene.httpUrl}/v1/tickets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await scene.token('ms', 60)}` },
    });
    return status === 201;
  });
  const subscriber = new LibrarySubscriber({ connect: { url: scene.url, credential }, topic: topic.name });
  t.teardown(() => subscriber.close());
  await subscriber.open();
  const stream = await scene.stream(topic, 2000);
  await until('the third renewal', TIMEOUT_MS, () => asked >= 4);
  await stream.stop();
  const ledger = await settled({
    stream,
    filter: rowsOf('ms'),
    received: subscriber.received,
    after: subscriber.start,
  });
  t.comment(`${asked} tokens, ${subscriber.reconnects} reconnects: ${ledgerText(ledger)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
  t.equal(subscriber.reconnects, 0);
  t.equal(subscriber.error, null);
});

t.test('a token that is not renewed ends its connection, which may come back and resume', async (t) => {
  const subscriber = await WireSubscriber.connect(scene.url, { message: await scene.token('ms', 2) });
  const took = await closedAfter(subscriber, performance.now());
  t.equal(subscriber.closeCode, CLOSE_CODES.CREDENTIAL_EXPIRED);
  t.ok(took < 2000 + EFFECTIVE_MS, `after ${Math.round(took)} ms`);
});

t.test('a revoked key, and a revoked token, are cut off within 5 s', async (t) => {
  const key = await scene.reader('ms');
  const byKey = await WireSubscriber.connect(scene.url, { header: key.credential });
  const byToken = await WireSubscriber.connect(scene.url, { header: await scene.token('ms', 60, { jti: 'lost' }) });
  await byKey.subscribe({ id: 's', topic: topic.name });
  const sinceMs = performance.now();
  await scene.api.delete(`/v1/keys/${key.id}`);
  await scene.api.post('/v1/revocations', { issuer: 'https://login.example.com/', jti: 'lost' });
  for (const subscriber of [byKey, byToken]) {
    const took = await closedAfter(subscriber, sinceMs);
    t.equal(subscriber.closeCode, CLOSE_CODES.UNAUTHENTICATED);
    t.ok(took < EFFECTIVE_MS + SLACK_MS, `after ${Math.round(took)} ms`);
  }
});

t.test('changed grants end what was planned under the old ones, and what remains is read under the new', async (t) => {
  const key = await scene.reader('ms');
  const subscriber = await WireSubscriber.connect(scene.url, { header: key.credential });
  await subscriber.subscribe({ id: 's', topic: topic.name });
  await scene.api.patch(`/v1/keys/${key.id}`, { claims: { unit: '%' } });
  t.match(await subscriber.frame('error', 's'), { code: 'MDS_GRANTS_CHANGED', retryable: true });
  const now = await subscriber.subscribe({ id: 'now', topic: topic.name });
  const stream = await scene.stream(topic);
  await until('some events', TIMEOUT_MS, () => now.received.length > 50);
  await stream.stop();
  const ledger = await settled({ stream, filter: rowsOf('%'), received: now.received, after: now.start });
  t.same(faultsOf(ledger), NO_FAULTS);
  await scene.api.patch(`/v1/keys/${key.id}`, { grants: [] });
  await until('it to end', EFFECTIVE_MS + SLACK_MS, () =>
    subscriber.frames.find(({ type, id, code }) => type === 'error' && id === 'now' && code === 'MDS_FORBIDDEN'),
  );
  subscriber.close();
});

const receivedOf = ({ cursor, data }: Pick<Delivery<unknown>, 'cursor' | 'data'>): ReceivedEvent => ({
  partition: cursor.partition,
  offset: cursor.offset,
  index: cursor.index,
  data,
});
