// Who is at the edge's HTTP door, on the whole service under flow: event streams and polls read what their grants allow, and
// end when those do.

import t from 'tap';
import { settled } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS } from '../harness/ledger.ts';
import { StreamSubscriber } from '../harness/stream-subscriber.ts';
import { until } from '../harness/until.ts';
import { ACTIVE, EFFECTIVE_MS, IdentityScene, rowsOf, SLACK_MS } from './identity-scene.ts';

const TIMEOUT_MS = 30_000;

t.setTimeout(180_000);
const scene = await IdentityScene.start(t);
const topic = await scene.topic('rows');
const ms = await scene.reader('ms');
const bytes = await scene.reader('By');
const eventsUrl = `${scene.httpUrl}/v1/topics/${topic.name}/events`;

const ask = (credential: string | null, query: Readonly<Record<string, string>> = {}, accept = 'application/json') =>
  fetch(`${eventsUrl}?${new URLSearchParams(query)}`, {
    headers: { accept, ...(credential === null ? {} : { authorization: `Bearer ${credential}` }) },
  });

async function openStream(credential: string, query: Readonly<Record<string, string>> = {}): Promise<StreamSubscriber> {
  const subscriber = new StreamSubscriber(topic.name, query, credential);
  t.teardown(() => subscriber.close());
  await subscriber.open(scene.httpUrl);
  return subscriber;
}

t.test('a credential stands in the header, and nowhere else', async (t) => {
  for (const accept of ['application/json', 'text/event-stream']) {
    const without = await ask(null, {}, accept);
    t.equal(without.status, 401);
    t.equal(without.headers.get('www-authenticate'), 'Bearer');
    t.match(await without.json(), { code: 'MDS_UNAUTHENTICATED' });
    t.equal((await ask('mds_nothing', {}, accept)).status, 401);
    for (const name of ['access_token', 'token', 'authorization']) {
      t.equal((await ask(null, { [name]: ms.credential }, accept)).status, 400, `${name} is no parameter`);
    }
    t.equal((await ask(null, { ticket: ms.credential }, accept)).status, 401, 'a key is no ticket');
  }
});

t.test(
  'streams and polls of two who ask for the same have their own rows, also behind the other one’s id',
  async (t) => {
    const [mine, theirs] = [
      await openStream(ms.credential, { filter: ACTIVE.cel }),
      await openStream(bytes.credential),
    ];
    const stream = await scene.stream(topic);
    await until('some events', TIMEOUT_MS, () => Math.min(mine.received.length, theirs.received.length) > 200);
    await stream.stop();
    for (const [subscriber, filter] of [
      [mine, rowsOf('ms', ACTIVE)],
      [theirs, rowsOf('By')],
    ] as const) {
      const ledger = await settled({
        stream,
        filter,
        received: subscriber.received,
        after: subscriber.start ?? new Map(),
      });
      t.comment(ledgerText(ledger));
      t.same(faultsOf(ledger), NO_FAULTS);
    }
    const response = await ask(bytes.credential, { from: 'earliest', wait: '5s', max: '200' });
    t.equal(response.status, 200);
    const first = await response.json();
    t.ok(first.events.length > 0);
    t.ok(first.events.every(({ event }: { event: { unit: string } }) => event.unit === 'By'));
    const second = await (await ask(ms.credential, { after: first.next, wait: '2s', max: '200' })).json();
    t.ok(second.events.length > 0);
    t.ok(second.events.every(({ event }: { event: { unit: string } }) => event.unit === 'ms'));
    mine.close();
    theirs.close();
  },
);

t.test('a ticket stands for a credential once, for what that may read, and no longer than that is valid', async (t) => {
  const key = await scene.reader('ms');
  const aTicket = async (): Promise<string> => {
    const headers = { authorization: `Bearer ${key.credential}` };
    const response = await fetch(`${scene.httpUrl}/v1/tickets`, { method: 'POST', headers });
    t.equal(response.status, 201);
    return (await response.json()).ticket;
  };
  const ticket = await aTicket();
  const subscriber = new StreamSubscriber(topic.name, { ticket });
  t.teardown(() => subscriber.close());
  await subscriber.open(scene.httpUrl);
  t.equal((await ask(null, { ticket })).status, 401, 'it is used up');
  const late = await aTicket();
  const sinceMs = performance.now();
  await scene.api.delete(`/v1/keys/${key.id}`);
  await until('the stream to end', EFFECTIVE_MS + TIMEOUT_MS, () => !subscriber.isOpen);
  t.ok(performance.now() - sinceMs < EFFECTIVE_MS + SLACK_MS);
  t.match(subscriber.goodbyes, [{ code: 'MDS_UNAUTHENTICATED' }]);
  t.equal((await ask(null, { ticket: late })).status, 401, 'its key was revoked');
});

t.test('a topic that may not be read is refused, and that of another tenant is unknown', async (t) => {
  const narrow = await scene.reader('ms', { topics: ['elsewhere'] });
  t.match(await (await ask(narrow.credential)).json(), { code: 'MDS_FORBIDDEN', status: 403 });
  const stranger = await scene.tenant('stranger');
  t.match(await (await ask(stranger.credential)).json(), { code: 'MDS_TOPIC_UNKNOWN', status: 404 });
});

t.test('a stream and a waiting poll are ended within 5 s of a revocation, and a stream of an expiry', async (t) => {
  const key = await scene.reader('ms', { topics: ['*'] });
  const revoked = await openStream(key.credential);
  const poll = ask(key.credential, { wait: '30s', filter: 'id == "nobody"' });
  const expiring = await openStream(await scene.token('ms', 3));
  const openedMs = performance.now();
  await scene.api.delete(`/v1/keys/${key.id}`);
  const sinceMs = performance.now();
  await until('the stream to end', EFFECTIVE_MS + TIMEOUT_MS, () => !revoked.isOpen);
  const response = await poll;
  const took = performance.now() - sinceMs;
  t.ok(took < EFFECTIVE_MS + SLACK_MS, `after ${Math.round(took)} ms`);
  t.match(revoked.goodbyes, [{ code: 'MDS_UNAUTHENTICATED' }]);
  t.equal(response.status, 401);
  await until('the other to end', EFFECTIVE_MS + TIMEOUT_MS, () => !expiring.isOpen);
  t.match(expiring.goodbyes, [{ code: 'MDS_CREDENTIAL_EXPIRED' }]);
  t.ok(performance.now() - openedMs < 3000 + EFFECTIVE_MS + SLACK_MS);
});

t.test('changed grants end a stream, whose reader comes back under the new ones', async (t) => {
  const key = await scene.reader('ms');
  const subscriber = await openStream(key.credential);
  await scene.api.patch(`/v1/keys/${key.id}`, { claims: { unit: 'By' } });
  await until('the stream to end', EFFECTIVE_MS + SLACK_MS, () => !subscriber.isOpen);
  t.match(subscriber.goodbyes, [{ code: 'MDS_GRANTS_CHANGED' }]);
  await subscriber.open(scene.httpUrl);
  const stream = await scene.stream(topic);
  const before = subscriber.received.length;
  await until('some events', TIMEOUT_MS, () => subscriber.received.length > before + 50);
  await stream.stop();
  const units = new Set(subscriber.received.slice(before).map(({ data }) => (data as { unit: string }).unit));
  t.same([...units], ['By']);
  subscriber.close();
});
