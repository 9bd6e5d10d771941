// Durable subscriptions on the real stack, with edges played by writing what edges write into Redis.

import t from 'tap';
import { Check } from 'typebox/value';
import { ShardStates } from '../../../control-plane/durable/shard-states.ts';
import { saveCheckpoints } from '../../../control-plane/store/durable-shards.ts';
import { createLogger } from '../../../platform/log.ts';
import { Subscription } from '../../../schemas/api/subscription.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import { END_OF_RECORD } from '../../../schemas/cursor.ts';
import { DurableDefinition, durableKeys, ShardState } from '../../../schemas/durable.ts';
import { decodeResumeToken, encodeResumeToken } from '../../../schemas/resume-token.ts';
import { until } from '../harness/until.ts';
import { runControlPlane, surroundings } from './control-plane-in-process.ts';
import { anOrder, aProducer, aTopic } from './durable-records.ts';

t.setTimeout(180_000);
const WAIT_MS = 20_000;
const around = await surroundings(t);
const { namespace, redis, db } = around;
const keys = durableKeys(namespace.id);
const api = await runControlPlane(t, around);
const producer = await aProducer(t, around);

let sequence = 0;
const named = (name: string): string => `${name}-${++sequence}-${namespace.id}`;
/** Repeated where the answer says so: Kafka may not know yet who leads a partition that is a moment old. */
const create = (body: object) =>
  until('a subscription', WAIT_MS, async () => {
    const answer = await api.call('POST', '/v1/subscriptions', body);
    if (answer.body?.retryable !== true) return answer;
    t.comment(`asked again: ${JSON.stringify(answer.body)}`);
    return null;
  });
const definitionOf = (id: string, revision = 1): Promise<DurableDefinition> =>
  until(`definition ${revision}`, WAIT_MS, async () => {
    const text = await redis.hget(keys.definitions, id);
    const definition = text === null ? null : readMessage(DurableDefinition, text);
    return definition !== null && definition.revision >= revision ? definition : null;
  });
const stateOf = (id: string, shard = 0): Promise<ShardState> =>
  until('a state', WAIT_MS, async () => {
    const text = await redis.hget(keys.shard(id, shard), 'state');
    return text === null ? null : readMessage(ShardState, text);
  });

/** What an owner does when it has taken a shard. */
async function own(id: string, epoch: number, state: ShardState, consumer = 'c1'): Promise<void> {
  const [seconds] = await redis.time();
  const nowMs = Number(seconds) * 1000;
  const edge = { edgeId: 'edge-1', connection: 'connection-1', consumer };
  await redis.hset(keys.shard(id, 0), {
    owner: JSON.stringify(edge),
    epoch,
    leaseUntilMs: nowMs + 60_000,
    state: JSON.stringify(state),
  });
  const seen = { ...edge, joinedMs: nowMs, connectedMs: nowMs, seenMs: nowMs + 60_000 };
  await redis.hset(keys.consumers(id), consumer, JSON.stringify(seen));
}

/** Takes the shard with this epoch, and waits until Postgres knows. */
async function checkpointed(id: string, epoch: number, state: ShardState): Promise<void> {
  await own(id, epoch, state);
  await until(`the checkpoint of epoch ${epoch}`, WAIT_MS, async () => {
    const { rows } = await db.query('SELECT epoch::int FROM durable_shards WHERE subscription_id = $1', [id]);
    return rows[0]?.epoch === epoch;
  });
}

t.test('a subscription begins where its start says, in every partition', async (t) => {
  const topic = await aTopic(api, named('starts'), 2);
  const first = await producer.produce(topic.kafkaTopic, 0, anOrder(topic, 1), null, 1_000_000);
  t.equal(first.offset, 0);
  await producer.produce(topic.kafkaTopic, 0, anOrder(topic, 2), null, 2_000_000);
  await producer.produce(topic.kafkaTopic, 1, anOrder(topic, 3), null, 3_000_000);
  const token = encodeResumeToken({ topicId: topic.topicId, position: new Map([[0, { offset: 1, index: 4 }]]) });
  const cases: [start: unknown, expected: unknown][] = [
    [
      'earliest',
      [
        [0, -1],
        [1, -1],
      ],
    ],
    [
      'latest',
      [
        [0, 1],
        [1, 0],
      ],
    ],
    [
      { time: new Date(2_000_000).toISOString() },
      [
        [0, 0],
        [1, -1],
      ],
    ],
    [
      { time: '2030-01-01T00:00:00Z' },
      [
        [0, 1],
        [1, 0],
      ],
    ],
  ];
  for (const [start, expected] of cases) {
    const { status, body } = await create({ name: named('s'), topic: topic.name, start });
    t.equal(status, 201, JSON.stringify(body));
    t.ok(Check(Subscription, body), 'of the documented shape');
    const { seek } = await definitionOf(body.id);
    t.same(
      seek.position.map(([partition, offset]) => [partition, offset]),
      expected,
      JSON.stringify(start),
    );
    t.ok(seek.position.every(([, , index]) => index === END_OF_RECORD));
    t.same((await stateOf(body.id)).floor, seek.position, 'and its shard stands there');
  }
  const { body } = await create({ name: named('s'), topic: topic.name, start: { token } });
  t.same((await definitionOf(body.id)).seek.position, [
    [0, 1, 4],
    [1, -1, END_OF_RECORD],
  ]);
});

t.test('what cannot work is refused when it is asked for', async (t) => {
  const topic = await aTopic(api, named('refusing'), 1);
  const other = encodeResumeToken({ topicId: topic.topicId + 1, position: new Map() });
  const far = encodeResumeToken({ topicId: topic.topicId, position: new Map([[7, { offset: 1, index: 0 }]]) });
  const cases: [wish: object, code: string][] = [
    [{ start: 'now' }, 'MDS_REQUEST_INVALID'],
    [{ start: { time: 'yesterday' } }, 'MDS_REQUEST_INVALID'],
    [{ start: { token: other } }, 'MDS_TOKEN_WRONG_TOPIC'],
    [{ start: { token: far } }, 'MDS_TOKEN_CORRUPT'],
    [{ backoffBaseMs: 1000, backoffMaxMs: 500 }, 'MDS_REQUEST_INVALID'],
    [{ maxAttempts: 0 }, 'MDS_REQUEST_INVALID'],
    [{ overflow: 'drop' }, 'MDS_REQUEST_INVALID'],
    [{ group: { key: ['amount'], shards: 65 } }, 'MDS_REQUEST_INVALID'],
    [{ group: { key: ['nothing'], shards: 2 } }, 'MDS_PROJECTION_UNKNOWN_FIELD'],
    [{ filter: 'nothing > 1' }, 'MDS_FILTER_UNKNOWN_FIELD'],
  ];
  for (const [wish, code] of cases) {
    const { body } = await create({ name: named('x'), topic: topic.name, ...wish });
    t.equal(body.code, code, JSON.stringify(wish));
  }
});

t.test('settings, state and position are changed, by id or by name, and edges learn of each', async (t) => {
  const topic = await aTopic(api, named('changing'), 1);
  await producer.produce(topic.kafkaTopic, 0, anOrder(topic, 1));
  const name = named('changing');
  const { body } = await create({ name, topic: topic.name });
  const told: string[] = [];
  const listener = redis.duplicate();
  t.teardown(() => listener.disconnect());
  listener.on('message', (_channel, id: string) => told.push(id));
  await listener.subscribe(keys.notify);

  const path = `/v1/subscriptions/${name}`;
  t.match(await api.call('PATCH', path, { maxAttempts: 9, ackTimeoutMs: 500 }), {
    status: 200,
    body: { maxAttempts: 9, ackTimeoutMs: 500, backoffBaseMs: 1000 },
  });
  t.match(await definitionOf(body.id, 2), { maxAttempts: 9, ackTimeoutMs: 500 });
  t.match(await api.call('PATCH', path, { backoffMaxMs: 20 }), { status: 400, body: { code: 'MDS_REQUEST_INVALID' } });
  t.match(await api.call('PATCH', path, { filter: '' }), { status: 400 });
  t.match(await api.call('POST', `${path}/pause`), { status: 200, body: { state: 'paused' } });
  t.match(await api.call('POST', `${path}/pause`), { status: 200, body: { state: 'paused' } });
  t.match(await definitionOf(body.id, 3), { state: 'paused', revision: 3 }, 'pausing twice is pausing once');
  t.match(await api.call('POST', `${path}/resume`), { status: 200, body: { state: 'active' } });
  t.match(await api.call('POST', `${path}/seek`, { to: 'earliest' }), { status: 200, body: { id: body.id } });
  const { seek } = await definitionOf(body.id, 5);
  t.same(seek, { revision: 2, position: [[0, -1, END_OF_RECORD]] });
  await until('notices', WAIT_MS, () => told.filter((id) => id === body.id).length >= 2);
  t.match(await api.call('POST', '/v1/subscriptions/nobody/pause'), {
    status: 404,
    body: { code: 'MDS_SUBSCRIPTION_UNKNOWN' },
  });
});

t.test('who consumes it, what is in flight and how far it is behind is shown', async (t) => {
  const topic = await aTopic(api, named('live'), 1);
  for (const amount of [1, 2, 3]) await producer.produce(topic.kafkaTopic, 0, anOrder(topic, amount));
  const { body } = await create({ name: named('live'), topic: topic.name, start: 'earliest' });
  const before = (await api.call('GET', `/v1/subscriptions/${body.id}`)).body;
  t.match(before.live, { consumers: [], activeConsumer: null, inFlight: 0, lagRecords: 3 });
  const state = await stateOf(body.id);
  await own(body.id, 1, { ...state, floor: [[0, 0, 0]], attempts: [[0, 1, 0, 1]] });
  const { live } = (await api.call('GET', `/v1/subscriptions/${body.id}`)).body;
  t.match(live, {
    consumers: [{ consumer: 'c1', edgeId: 'edge-1', shards: [0] }],
    activeConsumer: 'c1',
    inFlight: 1,
    lagRecords: 3,
    shards: [{ shard: 0, consumer: 'c1', epoch: 1 }],
  });
  t.same(decodeResumeToken(live.shards[0].position).position.get(0), { offset: 0, index: 0 });
  const listed = (await api.call('GET', '/v1/subscriptions?limit=500')).body.items;
  t.match(
    listed.find(({ id }: { id: string }) => id === body.id),
    { live: { activeConsumer: 'c1' } },
  );
  await api.call('POST', `/v1/subscriptions/${body.id}/seek`, { to: 'latest' });
  const moved = (await api.call('GET', `/v1/subscriptions/${body.id}`)).body;
  t.equal(moved.live.lagRecords, 0, 'a seek counts before any owner has seen it');
});

t.test('positions survive a Redis that forgets everything, with an epoch that no owner had before', async (t) => {
  const topic = await aTopic(api, named('forgotten'), 1);
  const { body } = await create({ name: named('forgotten'), topic: topic.name, start: 'earliest' });
  const state: ShardState = { ...(await stateOf(body.id)), floor: [[0, 41, 3]], settled: [[0, 44, 0]] };
  await own(body.id, 7, state);
  await until('the checkpoint', WAIT_MS, async () => {
    const { rows } = await db.query(
      `SELECT epoch, state FROM durable_shards WHERE subscription_id = $1 AND state->'floor' = '[[0, 41, 3]]'`,
      [body.id],
    );
    return rows.length === 1;
  });
  await redis.del(keys.definitions, keys.shard(body.id, 0), keys.consumers(body.id));
  t.same(await stateOf(body.id), state);
  t.ok(Number(await redis.hget(keys.shard(body.id, 0), 'epoch')) > 7 + 100);
  t.equal((await definitionOf(body.id)).id, body.id);
});

t.test('a state that is there is left alone', async (t) => {
  const topic = await aTopic(api, named('present'), 1);
  const { body } = await create({ name: named('present'), topic: topic.name });
  const state: ShardState = { ...(await stateOf(body.id)), floor: [[0, 5, 0]] };
  await checkpointed(body.id, 3, state);
  await redis.hdel(keys.definitions, body.id); // as if it were new
  await definitionOf(body.id);
  await checkpointed(body.id, 4, state); // a round has gone by
  t.same(await stateOf(body.id), state);
});

t.test('an owner that is faster than the leader keeps its state', async (t) => {
  const topic = await aTopic(api, named('raced'), 1);
  const { body } = await create({ name: named('raced'), topic: topic.name });
  const definition = { ...(await definitionOf(body.id)), id: 'sub-raced' };
  const state: ShardState = { ...(await stateOf(body.id)), floor: [[0, 77, 0]] };
  // The owner writes between the leader's two looks.
  const racing = Object.create(redis, {
    pipeline: {
      value: () => {
        const pipeline = redis.pipeline();
        const exec = pipeline.exec.bind(pipeline);
        pipeline.exec = async () => {
          const answers = await exec();
          if (!(await redis.exists(keys.shard('sub-raced', 0)))) await own('sub-raced', 5, state);
          return answers;
        };
        return pipeline;
      },
    },
  });
  const result = await new ShardStates(racing, keys, createLogger('test', 'silent')).look(db, [definition]);
  t.equal(result.created, 1, 'it thought there was none');
  t.same(await stateOf('sub-raced'), state);
  t.equal(await redis.hget(keys.shard('sub-raced', 0), 'epoch'), '5');
});

t.test('what cannot be read in Redis holds nothing else up, and is not taken for a position', async (t) => {
  const topic = await aTopic(api, named('corrupt'), 1);
  const { body: bad } = await create({ name: named('corrupt'), topic: topic.name });
  const state = await stateOf(bad.id);
  await checkpointed(bad.id, 1, state);
  await redis.hset(keys.shard(bad.id, 0), 'state', '{"floor": "everywhere"}', 'epoch', 9);
  await redis.hset(keys.definitions, 'sub-unreadable', 'no JSON');
  const { body: good } = await create({ name: named('good'), topic: topic.name });
  await stateOf(good.id);
  await until('the other to go', WAIT_MS, async () => !(await redis.hexists(keys.definitions, 'sub-unreadable')));
  await checkpointed(good.id, 4, await stateOf(good.id));
  const { rows } = await db.query('SELECT epoch::int FROM durable_shards WHERE subscription_id = $1', [bad.id]);
  t.same(rows, [{ epoch: 1 }]);
});

t.test('an older epoch never replaces a newer checkpoint', async (t) => {
  const topic = await aTopic(api, named('epochs'), 1);
  const { body } = await create({ name: named('epochs'), topic: topic.name });
  const at = (epoch: number, text: string) => ({ subscriptionId: body.id, shard: 9, epoch, state: text });
  await saveCheckpoints(db, [at(5, '{"by": 5}')]);
  await saveCheckpoints(db, [at(4, '{"by": 4}'), { ...at(1, '{}'), subscriptionId: 'gone' }]);
  const { rows } = await db.query('SELECT state FROM durable_shards WHERE subscription_id = $1 AND shard = 9', [
    body.id,
  ]);
  t.same(rows, [{ state: { by: 5 } }]);
});

t.test('with a group, every shard has a state of its own', async (t) => {
  const topic = await aTopic(api, named('group'), 1);
  const wish = { name: named('group'), topic: topic.name, group: { key: ['amount'], shards: 3 } };
  const { status, body } = await create(wish);
  t.equal(status, 201, JSON.stringify(body));
  t.match(body, {
    group: { key: ['amount'], shards: 3 },
    live: { shards: [{ shard: 0 }, { shard: 1 }, { shard: 2 }] },
  });
  for (const shard of [0, 1, 2]) t.same((await stateOf(body.id, shard)).floor, [[0, -1, END_OF_RECORD]]);
});

t.test('what is deleted leaves nothing in Redis, by itself or with its topic', async (t) => {
  const topic = await aTopic(api, named('leaving'), 1);
  const ids: string[] = [];
  for (const _ of [1, 2]) {
    const { body } = await create({ name: named('leaving'), topic: topic.name });
    await own(body.id, 1, await stateOf(body.id));
    const minute = Math.floor(Date.now() / 60_000);
    await redis.hset(keys.ledger(body.id, minute), '0.1.sent', 1);
    await redis.hset(keys.redrive(body.id, 0), '0/1/0', '{}');
    ids.push(body.id);
  }
  const leftOf = async (id: string) => [
    ...(await redis.keys(`${namespace.id}:durable:${id}:*`)),
    ...(await redis.keys(`${namespace.id}:ledger:${id}:*`)),
  ];
  const [first = '', second = ''] = ids;
  t.equal((await api.call('DELETE', `/v1/subscriptions/${first}`)).status, 204);
  await until('the first to go', WAIT_MS, async () => (await leftOf(first)).length === 0);
  t.ok((await leftOf(second)).length >= 4, 'the other one is untouched');
  t.equal((await api.call('DELETE', `/v1/topics/${topic.name}`)).status, 204);
  await until('the second to go', WAIT_MS, async () => (await leftOf(second)).length === 0);
  t.equal(await redis.hexists(keys.definitions, second), 0);
});
