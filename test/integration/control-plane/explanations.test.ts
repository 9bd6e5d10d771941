// The control plane's side of explaining filters, with a worker that this test plays: every way of getting no answer is a
// reason in the verdict, soon, and never an error.

import t from 'tap';
import { readMessage } from '../../../schemas/coordination.ts';
import { ExplainRequest } from '../../../schemas/explain-messages.ts';
import { until } from '../harness/until.ts';
import { runControlPlane, surroundings } from './control-plane-in-process.ts';
import { PlayedWorker } from './played-worker.ts';

const around = await surroundings(t);
const { redis, keys, namespace } = around;
const api = await runControlPlane(t, around);
const topic = `explained-${namespace.id}`;
await api.call('POST', '/v1/topics', { name: topic, partitions: 1 });

const explain = (filter = 'value > 5.0', events?: number) =>
  api.call('POST', '/v1/filters/check', { topic, filter, explain: true, ...(events ? { events } : {}) });
const asked = async (): Promise<ExplainRequest> => {
  const text = await until('a request', 10_000, () => redis.rpop(keys.explain));
  return readMessage(ExplainRequest, text);
};

t.test('no worker, or only one that is going, is said at once', async (t) => {
  t.match(await explain(), {
    status: 200,
    body: { valid: true, measured: null, reason: { code: 'MDS_EXPLAIN_NO_WORKER' } },
  });
  const leaving = new PlayedWorker('leaving', redis, keys);
  leaving.state = 'draining';
  await leaving.start();
  t.match((await explain()).body.reason, { code: 'MDS_EXPLAIN_NO_WORKER' });
  t.equal(await redis.exists(keys.explain), 0, 'nobody is asked');
  await leaving.die();
});

t.test('with a worker', async (t) => {
  const worker = new PlayedWorker('silent', redis, keys);
  await worker.start();
  t.teardown(() => worker.die());

  await t.test('its answer is shown to the one who asked', async (t) => {
    const asking = [explain('value > 5.0', 77), explain('host == "a"')];
    const requests = [await asked(), await asked()];
    t.same(requests.map(({ events }) => events).sort(), [10_000, 77]);
    for (const { requestId, replyTo, events, plan } of requests) {
      const found = [{ schemaIds: [events], found: 'scan', by: [], residual: ['x'], unindexed: ['x'] }];
      t.ok((plan as { filter?: string }).filter, 'the plan comes with it');
      await redis.publish(keys.explained(replyTo), 'nonsense');
      await redis.publish(keys.explained(replyTo), JSON.stringify({ requestId, found, measured: null, problem: null }));
    }
    const [first, second] = await Promise.all(asking);
    t.match(first?.body, { canonical: 'value > 5.0', explanation: { schemaIds: [77], sentences: [/every event/] } });
    t.match(second?.body, { canonical: 'host == "a"', explanation: { schemaIds: [10_000] } });
  });

  await t.test('silence is a reason after five seconds, and what it may still find in the list is late', async (t) => {
    const { status, body } = await explain();
    t.match([status, body], [200, { valid: true, explanation: null, reason: { code: 'MDS_TIMEOUT' } }]);
    const left = await redis.rpop(keys.explain);
    t.ok(left === null || readMessage(ExplainRequest, left).deadlineMs <= Date.now());
  });

  await t.test('a tenant that asks too much at once is told so, and what it asked before is answered', async (t) => {
    let refused = 0;
    const asking = Array.from({ length: 20 }, async () => {
      const { code } = (await explain()).body.reason ?? { code: 'answered' };
      if (code === 'MDS_EXPLAIN_BUSY') refused++;
      return code;
    });
    await until('the refusals', 4000, () => refused === 16);
    t.equal(await redis.llen(keys.explain), 4, 'workers are asked no more than that');
    for (let i = 0; i < 4; i++) {
      const { requestId, replyTo } = await asked();
      const answer = { requestId, found: [], measured: null, problem: null };
      await redis.publish(keys.explained(replyTo), JSON.stringify(answer));
    }
    const codes = await Promise.all(asking);
    t.equal(codes.filter((code) => code === 'answered').length, 4);
  });
});

t.test('a request that is not valid is a problem, as everywhere', async (t) => {
  t.match(await explain('value > 5.0', 100_001), { status: 400, body: { code: 'MDS_REQUEST_INVALID' } });
});
