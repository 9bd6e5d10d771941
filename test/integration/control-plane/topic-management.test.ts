// Topics are grown, kept longer and given new schema versions, on a real Kafka and a real registry.

import t from 'tap';
import type { SchemaCheck, TopicDescription } from '../../../schemas/api/topic-management.ts';
import { TestProducer } from '../harness/producer.ts';
import { until } from '../harness/until.ts';
import { runControlPlane, surroundings } from './control-plane-in-process.ts';

t.setTimeout(180_000);

const record = (...fields: object[]) => ({ type: 'record', name: 'Order', fields });
const AMOUNT = { name: 'amount', type: 'long' };
const CUSTOMER = { name: 'customer', type: 'string' };

t.test('a topic is changed, described and given another schema', async (t) => {
  const around = await surroundings(t);
  const { call } = await runControlPlane(t, around);
  const created = await call('POST', '/v1/topics', {
    name: `orders-${around.namespace.id}`,
    partitions: 2,
    schema: record(AMOUNT, CUSTOMER),
  });
  t.equal(created.status, 201, JSON.stringify(created.body));
  const path = `/v1/topics/${created.body.name}`;
  const producer = await TestProducer.connect<object>(around.namespace.env.MDS_KAFKA_BROKERS ?? '', created.body);
  t.teardown(() => producer.close());
  await producer.send({ partition: 1, events: [{ amount: 1, customer: 'a' }] });
  await producer.flush();

  await t.test('partitions grow and never shrink, retention changes, and Kafka has both', async (t) => {
    const changed = await call('PATCH', path, { partitions: 5, retentionMs: 7_200_000 });
    t.match(changed, { status: 200, body: { partitions: 5, retentionMs: 7_200_000 } });
    t.match(await call('PATCH', path, { partitions: 4 }), {
      status: 409,
      body: { code: 'MDS_PARTITIONS_CANNOT_SHRINK', present: 5 },
    });
    t.match(await call('PATCH', path, { partitions: 5 }), { status: 200 }, 'again is no mistake');
    t.match(await call('PATCH', path, {}), { status: 400 });
    t.match(await call('PATCH', `${path}x`, { partitions: 9 }), { status: 404, body: { code: 'MDS_TOPIC_UNKNOWN' } });
    await until('an owner row for each', 10_000, async () => {
      const { rows } = await around.db.query<{ count: number }>(
        'SELECT count(*)::integer AS count FROM partition_ownership WHERE topic_id = $1',
        [created.body.topicId],
      );
      return rows[0]?.count === 5;
    });
  });

  await t.test('it is described as Kafka and the registry have it', async (t) => {
    const { status, body } = await call('GET', `${path}/description`);
    const description: TopicDescription = body;
    t.equal(status, 200);
    t.same(description.problems, []);
    t.match(description, { records: 1, inKafka: { retentionMs: 7_200_000, cleanupPolicy: 'delete' } });
    t.equal(description.partitions.length, 5);
    t.match(description.partitions[1], { lowOffset: 0, highOffset: 1 });
    t.ok((description.sizeBytes ?? 0) > 0, 'its bytes are known');
    t.match(description.versions, [{ version: 1, isCurrent: true }]);
  });

  await t.test('a check shows what would change and break, and the registry agrees with the verdict', async (t) => {
    await call('POST', '/v1/subscriptions', { name: 'on-call', topic: created.body.name, filter: 'customer == "a"' });
    const check = async (schema: object): Promise<SchemaCheck> =>
      (await call('POST', `${path}/schemas/check`, { schema })).body;
    t.match(await check(record(AMOUNT, CUSTOMER)), { verdict: 'identical', filtersTried: 1, isComplete: true });
    const added = { name: 'region', type: 'string' };
    t.match(await check(record(AMOUNT, CUSTOMER, { ...added, default: '' })), {
      verdict: 'compatible',
      registryAccepts: true,
    });
    t.match(await check(record(AMOUNT, CUSTOMER, added)), {
      verdict: 'incompatible',
      registryAccepts: false,
      differences: [{ path: 'region', kind: 'fieldAdded', breaks: true }],
    });
    t.match(await check(record({ name: 'amount', type: 'int' }, CUSTOMER)), { registryAccepts: false });
    t.match(await check(record({ name: 'amount', type: 'double' }, CUSTOMER)), {
      verdict: 'compatible',
      registryAccepts: true,
    });
    t.match(await check(record(AMOUNT)), {
      verdict: 'breaksFilters',
      registryAccepts: true,
      brokenFilters: [{ of: 'subscription', name: 'on-call', code: 'MDS_FILTER_UNKNOWN_FIELD' }],
    });
    t.match(await call('POST', `${path}/schemas/check`, { schema: { type: 'enum', name: 'E', symbols: ['A'] } }), {
      status: 422,
      body: { code: 'MDS_SCHEMA_NOT_RECORD' },
    });
  });

  await t.test('a version is added at once, unless it breaks something', async (t) => {
    const add = (schema: object, more: object = {}) => call('POST', `${path}/schemas`, { schema, ...more });
    t.match(await add(record(AMOUNT, CUSTOMER, { name: 'region', type: 'string' })), {
      status: 409,
      body: { code: 'MDS_SCHEMA_INCOMPATIBLE', check: { verdict: 'incompatible' } },
    });
    t.match(await add(record(AMOUNT)), { status: 409, body: { code: 'MDS_SCHEMA_BREAKS_FILTERS', count: 1 } });
    const next = record(AMOUNT, CUSTOMER, { name: 'region', type: 'string', default: '' });
    t.match(await add(next), { status: 201, body: { verdict: 'compatible' } });
    const topic = await call('GET', path);
    t.same(topic.body.schema, next);
    t.not(topic.body.schemaId, created.body.schemaId);
    t.match(await call('POST', '/v1/filters/check', { topic: created.body.name, filter: 'region == "eu"' }), {
      body: { valid: true },
    });
    t.match(await add(record(AMOUNT), { acceptBrokenFilters: true }), { status: 201 });
    t.match((await call('GET', `${path}/schemas`)).body.items, [
      { version: 1, isCurrent: false },
      { version: 2, isCurrent: false },
      { version: 3, isCurrent: true, schema: record(AMOUNT) },
    ]);
  });
});
