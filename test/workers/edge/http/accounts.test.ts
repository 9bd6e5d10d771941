// What a request for events counts in its tenant's account while it is there, and what it leaves behind: nothing.

import t from 'tap';
import { MdsError } from '../../../../schemas/errors.ts';
import type { TenantQuotas } from '../../../../schemas/identity/identity.ts';
import { EventStream } from '../../../../workers/edge/http/event-stream.ts';
import { PollSession } from '../../../../workers/edge/http/poll-session.ts';
import { anAccount, anIdentity } from '../an-identity.ts';
import { anExchange, aSeat, flushed, HttpWorld, PlayedSubscription } from './http-world.ts';

const IDLE = { connections: 0, subscriptions: 0, filterCost: 0 };
const BUSY = { connections: 1, subscriptions: 1, filterCost: 7 };
const identity = anIdentity();

function aStream(quotas: Partial<TenantQuotas> = {}) {
  const world = new HttpWorld();
  const account = anAccount(quotas);
  const { exchange, response } = anExchange();
  const stream = new EventStream(world.context, exchange, aSeat({ account, identity }));
  const subscription = new PlayedSubscription(stream.output);
  const start = (): void =>
    stream.start(() => {
      stream.charge('events', 7);
      return subscription;
    });
  return { world, account, exchange, response, stream, subscription, start };
}

t.test('a stream counts until its client is gone, with what it was given', async (t) => {
  const { account, response, subscription, start } = aStream();
  start();
  subscription.begin();
  subscription.give(3);
  await flushed();
  t.match(account.use, BUSY);
  t.equal(account.deliveries, 3);
  t.equal(account.bytes, response.received.length);
  response.abort();
  t.match(account.use, IDLE);
  t.ok(subscription.isEnded);
});

t.test('a stream that cannot begin counts nothing, whatever the reason', (t) => {
  const { account, stream, response } = aStream();
  stream.start(() => {
    stream.charge('events', 7);
    throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: 't', hint: '' });
  });
  t.equal(response.status, '404 Not Found');
  t.match(account.use, IDLE);

  const full = aStream({ subscriptions: 0 });
  full.start();
  t.equal(full.response.status, '429 Too Many Requests');
  t.match(JSON.parse(full.response.text), { code: 'MDS_QUOTA_EXCEEDED' });
  t.match(full.account.use, IDLE);

  const costly = aStream({ filterCost: 6 });
  costly.start();
  t.match(JSON.parse(costly.response.text), { code: 'MDS_QUOTA_EXCEEDED' });
  t.match(costly.account.use, IDLE);
  t.end();
});

t.test('grants that changed are looked at by the subscription, an identity that did not is not', (t) => {
  const { stream, subscription, start } = aStream();
  start();
  stream.changeIdentity({ ...identity });
  t.same(subscription.rechecked, []);
  const narrower = anIdentity({ grants: [{ actions: ['subscribe'], topics: ['a'] }] });
  stream.changeIdentity(narrower);
  t.same(subscription.rechecked, [narrower]);
  t.equal(stream.identity, narrower);
  t.end();
});

t.test('an identity that expired says so, one that was revoked does not', async (t) => {
  for (const [expiresAtMs, code] of [
    [500, 'MDS_CREDENTIAL_EXPIRED'],
    [null, 'MDS_UNAUTHENTICATED'],
  ] as const) {
    const world = new HttpWorld();
    const { exchange, response } = anExchange();
    const stream = new EventStream(world.context, exchange, aSeat({ identity: anIdentity({ expiresAtMs }) }));
    const subscription = new PlayedSubscription(stream.output);
    stream.start(() => subscription.begin());
    world.pass(1000);
    stream.endIdentity();
    await flushed();
    t.match(response.text, code);
    t.ok(response.isEnded);
    t.ok(subscription.isEnded);
  }
});

t.test('a poll is a connection while it waits, and its subscription counts for as long as it lingers', async (t) => {
  const world = new HttpWorld();
  const account = anAccount();
  const first = anExchange();
  const { context, later } = world;
  const session = new PollSession({ context, seat: { number: 1, account }, onAnswered: () => {}, later }, identity);
  const subscription = new PlayedSubscription(session.output);
  session.start({ exchange: first.exchange, identity, waitMs: 1000, maxEvents: 10 }, () => {
    session.charge('events', 7);
    return subscription;
  });
  subscription.begin();
  subscription.give(2);
  t.match(account.use, BUSY);
  await flushed();
  t.equal(account.deliveries, 2);
  t.equal(account.bytes, first.response.received.length);
  t.match(account.use, { ...BUSY, connections: 0 });
  const second = anExchange();
  session.wait({ exchange: second.exchange, identity, waitMs: 1000, maxEvents: 10 });
  t.match(account.use, BUSY);
  session.endIdentity();
  t.equal(second.response.status, '401 Unauthorized');
  t.match(account.use, IDLE);
  t.ok(subscription.isEnded);
});
