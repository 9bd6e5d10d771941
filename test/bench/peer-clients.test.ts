import assert from 'node:assert/strict';
import t from 'tap';
import type { ClientsCount, ConnectOrder } from '../../bench/clients/clients-part.ts';
import { sentTimesIn } from '../../bench/clients/sent-times.ts';
import { latencyAt } from '../../bench/result.ts';
import { Part } from '../../bench/suites/ceilings/part.ts';
import { peerPlan } from '../../bench/suites/peer/peer-events.ts';
import { peerSettings } from '../../bench/suites/peer/peer-settings.ts';
import { httpSink, publishAtRate } from '../../bench/suites/peer/publisher.ts';
import { playCentrifugo } from './played-centrifugo.ts';

const CLIENTS = new URL('../../bench/clients/clients-part.ts', import.meta.url);
const order = (given: Omit<ConnectOrder, 'protocol'>) => ({ kind: 'connect', protocol: 'centrifugo', ...given });

t.test('every client counts what its filter lets through, from the time an event was to be sent', async (t) => {
  const peer = await playCentrifugo('a key');
  const clients = new Part(CLIENTS, {});
  const sink = httpSink(peer.apiUrl, 'a key');
  t.teardown(async () => {
    await Promise.all([clients.end(), sink.end()]);
    peer.close();
  });
  const plan = peerPlan('filter', 'bench:filter', 20);
  clients.send(order({ url: peer.url, wishes: plan.wishes }));
  await clients.answer('connected');
  clients.send({ kind: 'reset', countFromUs: 0 });
  await clients.answer('reset');
  const { events } = await publishAtRate(sink, 2000, 0.5, 0, plan.publication);
  assert.equal(events, 1000);
  const expected = Array.from({ length: events }, (_, i) => plan.deliveriesOf(i)).reduce((sum, n) => sum + n, 0);
  assert.ok(expected > 50 && expected < 150, `one event in ten has a client, ${expected} of ${events} here`);
  let received = 0;
  while (received < expected) {
    clients.send({ kind: 'received' });
    received = Number((await clients.answer('received')).received);
  }
  clients.send({ kind: 'count' });
  const count = (await clients.answer('count')) as unknown as ClientsCount;
  assert.equal(count.received, expected);
  assert.equal(count.latency.count, expected);
  assert.ok(latencyAt(count.latency, 0.99) < 5000 && latencyAt(count.latency, 0.5) > 0);
  assert.equal(peer.pongs(), 20);
});

t.test('a subscription that is refused ends the run', async (t) => {
  const peer = await playCentrifugo('');
  const clients = new Part(CLIENTS, {});
  t.teardown(async () => {
    await clients.end();
    peer.close();
  });
  clients.send(order({ url: peer.url, wishes: [{ from: 'secret:x' }] }));
  await assert.rejects(clients.answer('connected'), /103 permission denied/);
});

t.test('a wrong API key ends the run', async (t) => {
  const peer = await playCentrifugo('a key');
  const sink = httpSink(peer.apiUrl, 'another');
  t.teardown(async () => {
    await sink.end();
    peer.close();
  });
  const { publication } = peerPlan('fan-out', 'bench:all', 1);
  await assert.rejects(publishAtRate(sink, 10, 0.1, 0, publication), /answered 401/);
});

t.test('the times of all events of a frame are found, whatever stands around them', async () => {
  const frame = Buffer.from('{"push":{"pub":{"data":{"timestamp":1767225600000001,"a":1}}}}\n{"timestamp":17}');
  assert.deepEqual([...sentTimesIn(frame)], [1_767_225_600_000_001, 17]);
  assert.deepEqual([...sentTimesIn(Buffer.from('{"timestamp":'))], [0]);
});

t.test('settings that are missing are named', async () => {
  assert.throws(() => peerSettings({}), /PEER=centrifugo/);
  assert.throws(() => peerSettings({ PEER: 'centrifugo' }), /PEER_URL/);
  const given = { PEER: 'centrifugo', PEER_URL: 'ws://h:8000' };
  assert.throws(() => peerSettings({ ...given, PEER_TOPIC: 'x' }), /go together/);
  assert.equal(peerSettings(given).url, 'ws://h:8000/connection/websocket');
});
