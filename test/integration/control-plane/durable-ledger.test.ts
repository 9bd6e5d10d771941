// The delivery ledger on the real stack, with an edge played by writing its numbers into Redis.

import t from 'tap';
import { Check } from 'typebox/value';
import { DeliveryLedger } from '../../../schemas/api/ledger.ts';
import { durableKeys } from '../../../schemas/durable.ts';
import { until } from '../harness/until.ts';
import { runControlPlane, surroundings } from './control-plane-in-process.ts';
import { aTopic } from './durable-records.ts';

t.setTimeout(180_000);
const WAIT_MS = 30_000;
const MINUTE_MS = 60_000;
const around = await surroundings(t);
const { namespace, redis, db } = around;
const keys = durableKeys(namespace.id);
const api = await runControlPlane(t, around);
const topic = await aTopic(api, `ledger-${namespace.id}`, 1);
const { body: subscription } = await api.call('POST', '/v1/subscriptions', {
  name: 'counted',
  topic: topic.name,
  group: { key: ['amount'], shards: 2 },
});
const path = '/v1/subscriptions/counted/ledger';
const at = (minute: number): string => new Date(minute * MINUTE_MS).toISOString();
const copied = (minute: number, sent: number) =>
  until('the copy', WAIT_MS, async () => {
    const { rows } = await db.query(
      'SELECT sum(counts[2])::int AS sent FROM delivery_ledger WHERE subscription_id = $1 AND minute = $2',
      [subscription.id, minute],
    );
    return rows[0]?.sent === sent;
  });

t.test('numbers of all shards and epochs are summed, by minute and in all', async (t) => {
  const minute = Math.floor(Date.now() / MINUTE_MS) - 1;
  await redis.hset(keys.ledger(subscription.id, minute), {
    '0.1.matched': 10,
    '0.1.sent': 8,
    '0.2.sent': 2,
    '1.7.sent': 5,
    '1.7.acknowledged': 4,
    '1.7.unheard-of': 3,
  });
  await redis.hset(keys.ledger(subscription.id, minute - 1), { '1.7.negative': 1 });
  const { status, body } = await api.call('GET', path);
  t.equal(status, 200);
  t.ok(Check(DeliveryLedger, body), 'of the documented shape');
  t.match(body, {
    subscription: subscription.id,
    isCurrent: true,
    items: [
      { minute: at(minute - 1), negative: 1, sent: 0 },
      { minute: at(minute), matched: 10, sent: 15, acknowledged: 4, redelivered: 0 },
    ],
    total: { matched: 10, sent: 15, acknowledged: 4, negative: 1 },
  });
  const part = (await api.call('GET', `${path}?from=${at(minute)}&to=${at(minute + 1)}`)).body;
  t.same(
    part.items.map((item: { minute: string }) => item.minute),
    [at(minute)],
  );
});

t.test('what Redis no longer has is still known, and counted once as long as both have it', async (t) => {
  const minute = Math.floor(Date.now() / MINUTE_MS) - 2;
  const key = keys.ledger(subscription.id, minute);
  await redis.hset(key, { '0.5.sent': 100 });
  await copied(minute, 100);
  await redis.hset(key, { '0.5.sent': 120 });
  const range = `?from=${at(minute)}&to=${at(minute + 1)}`;
  t.match((await api.call('GET', path + range)).body, { total: { sent: 120 } }, 'the larger is the newer');
  await copied(minute, 120);
  await redis.del(key);
  t.match((await api.call('GET', path + range)).body, { total: { sent: 120 } });
});

t.test('a range that makes no sense is refused', async (t) => {
  for (const query of ['from=yesterday', `from=${at(2)}&to=${at(1)}`, `from=${at(0)}&to=${at(1441)}`]) {
    t.match(await api.call('GET', `${path}?${query}`), { status: 400, body: { code: 'MDS_REQUEST_INVALID' } }, query);
  }
  t.equal((await api.call('GET', '/v1/subscriptions/nobody/ledger')).status, 404);
});
