// The edge with real sockets and a real Redis: what a client meets when all goes well.

import { once } from 'node:events';
import avsc from 'avsc';
import t from 'tap';
import { WebSocket } from 'ws';
import { SUBPROTOCOL_AVRO, SUBPROTOCOL_JSON } from '../../../schemas/frames.ts';
import type { AvroDatum } from '../../../schemas/frames-avro.ts';
import { startEdgeUnderTest, TestClient, until } from './edge-harness.ts';
import { SCHEMA, SCHEMA_ID } from './played-worker.ts';

const edge = await startEdgeUnderTest({ MDS_EDGE_POSITION_INTERVAL_MS: '300' });
edge.worker.run();
t.teardown(() => edge.stop());

t.test('a subscriber gets every event behind its start position, in order', async (t) => {
  const client = await TestClient.open(edge.url);
  const welcome = await client.next('welcome');
  t.equal(welcome.limits.subscriptions, 256);
  const subscribed = await client.subscribe('a', { filter: 'n >= 0' });
  t.equal(subscribed.partitions, 4);
  t.equal(subscribed.replaying, false);
  for (let n = 0; n < 400; n++) edge.worker.produce(n % 4, n);
  await until('all events', () => [...client.numbers().values()].flat().length >= 400);
  for (const [partition, numbers] of client.numbers()) {
    t.same(
      numbers,
      Array.from({ length: 100 }, (_, i) => i * 4 + partition),
    );
  }
  client.close();
});

t.test('equal subscriptions share a channel, and a client with two of them gets each frame once', async (t) => {
  const client = await TestClient.open(edge.url);
  const [first, second] = [
    await client.subscribe('a', { filter: 'n > 1 && n < 9' }),
    await client.subscribe('b', { filter: 'n < 9 && n > 1' }),
  ];
  t.equal(first.channel, second.channel);
  const other = await TestClient.open(edge.url);
  t.equal((await other.subscribe('x', { filter: 'n > 1 && n < 9' })).channel, first.channel);
  edge.worker.produce(0, 5);
  await client.next('events');
  await other.next('events');
  client.say({ type: 'unsubscribe', id: 'a' });
  await client.next('unsubscribed');
  edge.worker.produce(0, 6);
  await client.next('events', 2);
  t.same([...client.numbers().values()].flat(), [5, 6]);
  client.close();
  other.close();
});

t.test('an Avro client gets the same events as a JSON client, as they were written, live and replayed', async (t) => {
  const json = await TestClient.open(edge.url);
  const avro = await TestClient.open(edge.url, [SUBPROTOCOL_AVRO, SUBPROTOCOL_JSON]);
  t.equal(avro.socket.protocol, SUBPROTOCOL_AVRO);
  const { channel } = await json.subscribe('j', { filter: 'n > 500' });
  const subscribed = await avro.subscribe('a', { filter: 'n > 500' });
  t.not(subscribed.channel, channel);
  for (let n = 600; n < 700; n++) edge.worker.produce(n % 4, n, 10);
  const dataOf = (client: TestClient) =>
    client.of('events').flatMap(({ partition, events }) => events.map(({ at, data }) => ({ partition, at, data })));
  await until('all events', () => dataOf(json).length >= 100 && dataOf(avro).length >= 100);
  const inOrder = (events: ReturnType<typeof dataOf>) =>
    events.toSorted((a, b) => a.partition - b.partition || a.at[0] - b.at[0]);
  const type = avsc.Type.forSchema(JSON.parse(SCHEMA));
  const decoded = (events: ReturnType<typeof dataOf>) =>
    inOrder(events).map(({ data, ...place }) => {
      const { schemaId, bytes } = data as AvroDatum;
      t.equal(schemaId, SCHEMA_ID);
      return { ...place, data: { ...type.fromBuffer(Buffer.from(bytes)) } };
    });
  t.same(decoded(dataOf(avro)), inOrder(dataOf(json)));

  const again = await TestClient.open(edge.url, [SUBPROTOCOL_AVRO]);
  await again.subscribe('r', { filter: 'n > 500', resume: subscribed.position });
  await again.next('live');
  t.ok(again.of('events').every(({ sub }) => sub === 'r'));
  t.same(decoded(dataOf(again)), inOrder(dataOf(json)));
  for (const client of [json, avro, again]) client.close();
});

t.test('fields cannot be chosen of events that are delivered as they were written', async (t) => {
  const client = await TestClient.open(edge.url, [SUBPROTOCOL_AVRO]);
  client.say({ type: 'subscribe', id: 'a', topic: 'host.metrics', fields: ['n'] });
  t.match(await client.next('error'), { id: 'a', code: 'MDS_PROJECTION_NOT_AVRO', retryable: false });
  client.close();
});

t.test('a ping is answered, and a wrong message is answered with its error and the id it came with', async (t) => {
  const client = await TestClient.open(edge.url);
  client.say({ type: 'ping', id: 'p1' });
  t.equal((await client.next('pong')).id, 'p1');
  const answers: [object, string, string | undefined][] = [
    [{ type: 'subscribe', id: 's', topic: 'host.metric' }, 'MDS_TOPIC_UNKNOWN', 's'],
    [{ type: 'subscribe', id: 's', topic: 'host.metrics', filter: 'm > 1' }, 'MDS_FILTER_UNKNOWN_FIELD', 's'],
    [{ type: 'subscribe', id: 's', topic: 'host.metrics', resume: 'AAAA' }, 'MDS_TOKEN_CORRUPT', 's'],
    [{ type: 'subscribe', id: 's' }, 'MDS_REQUEST_INVALID', 's'],
    [{ type: 'unsubscribe', id: 'nobody' }, 'MDS_SUBSCRIPTION_UNKNOWN', 'nobody'],
    [{ type: 'dance' }, 'MDS_UNKNOWN_MESSAGE_TYPE', undefined],
  ];
  for (const [i, [message, code, id]] of answers.entries()) {
    client.say(message);
    const error = await client.next('error', i + 1);
    t.match({ code: error.code, id: error.id }, { code, id });
  }
  await client.subscribe('s');
  client.say({ type: 'subscribe', id: 's', topic: 'host.metrics' });
  t.equal((await client.next('error', answers.length + 1)).code, 'MDS_SUBSCRIPTION_ID_IN_USE');
  client.close();
});

t.test('what is not of the protocol closes the connection for good', async (t) => {
  const cases: [string, (client: TestClient) => void, number][] = [
    ['not JSON', (client) => client.socket.send('hello'), 4500],
    ['binary', (client) => client.socket.send(Buffer.from('{"type":"ping"}')), 4500],
    ['too large', (client) => client.say({ type: 'ping', id: 'x'.repeat(70_000) }), 4501],
    ['too many', (client) => void Array.from({ length: 1100 }, () => client.say({ type: 'ping' })), 4502],
  ];
  for (const [what, act, code] of cases) {
    const client = await TestClient.open(edge.url);
    act(client);
    t.equal(await client.closed(), code, what);
  }
});

t.test('only the known subprotocol is spoken; none offered means the default', async (t) => {
  const stranger = await TestClient.open(edge.url, ['mds.v9.xml']);
  t.equal(await stranger.closed(), 4503);
  const plain = await TestClient.open(edge.url, []);
  await plain.next('welcome');
  plain.close();
});

t.test('frames are compressed for clients that offer it, where the edge is told to', async (t) => {
  t.equal((await TestClient.open(edge.url)).socket.extensions, '', 'not by default');
  const compressing = await startEdgeUnderTest({ MDS_EDGE_COMPRESSION: 'true' }, 1);
  t.teardown(() => compressing.stop());
  compressing.worker.run();
  const client = await TestClient.open(compressing.url);
  t.match(client.socket.extensions, 'permessage-deflate');
  await client.subscribe('a');
  for (let n = 0; n < 50; n++) compressing.worker.produce(0, n, 1000);
  await until('all events', () => [...client.numbers().values()].flat().length >= 50);
  t.same(
    [...client.numbers().values()].flat(),
    Array.from({ length: 50 }, (_, n) => n),
  );
  client.close();
});

t.test('pages from elsewhere are refused, pages from loopback are not', async (t) => {
  const open = (origin: string): Promise<unknown> => once(new WebSocket(edge.url, { origin }), 'open');
  await t.rejects(open('https://evil.example'), /403/);
  await t.rejects(open('null'), /403/);
  const [page] = [new WebSocket(edge.url, { origin: 'http://localhost:9400' })];
  await once(page, 'open');
  page.terminate();
});

t.test('a thousand clients get what one gets', async (t) => {
  const clients = await Promise.all(Array.from({ length: 1000 }, () => TestClient.open(edge.url)));
  await Promise.all(clients.map((client) => client.subscribe('a', { filter: 'n >= 1000' })));
  for (let n = 1000; n < 1040; n++) edge.worker.produce(n % 4, n);
  await until(
    'all have all',
    () => clients.every((client) => [...client.numbers().values()].flat().length === 40),
    20_000,
  );
  t.equal(edge.worker.interestCount <= 6, true, 'one interest for all');
  for (const client of clients) client.close();
});

t.test('a quiet subscription is told its position, which goes on while others get events', async (t) => {
  const client = await TestClient.open(edge.url);
  const subscribed = await client.subscribe('quiet', { filter: 'n < 0' });
  edge.worker.produce(0, 1);
  t.not((await client.next('position')).token, subscribed.position);
  client.close();
});
