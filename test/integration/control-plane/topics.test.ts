// Topics over REST on the real stack: what is answered is what Kafka, the registry and Redis then have.

import t from 'tap';
import { Check } from 'typebox/value';
import { createAdmin } from '../../../platform/kafka.ts';
import { createLogger } from '../../../platform/log.ts';
import { createRegistry } from '../../../platform/registry.ts';
import { Topic } from '../../../schemas/api/topic.ts';
import { CatalogTopic, readMessage } from '../../../schemas/coordination.ts';
import { until } from '../harness/until.ts';
import { runControlPlane, surroundings } from './control-plane-in-process.ts';

const around = await surroundings(t);
const { namespace, redis, keys, db } = around;
const api = await runControlPlane(t, around);
const kafka = await createAdmin({
  brokers: namespace.env.MDS_KAFKA_BROKERS ?? '',
  name: 'test',
  log: createLogger('test', 'silent'),
});
t.teardown(() => kafka.disconnect());
const registry = createRegistry(namespace.env.MDS_REGISTRY_URL ?? '');
t.teardown(() => registry.close());

const named = (name: string): string => `${name}-${namespace.id}`;
const create = (topic: object, headers: Record<string, string> = {}) => api.call('POST', '/v1/topics', topic, headers);
const record = (...fields: object[]) => ({ type: 'record', name: 'Order', namespace: 'shop', fields });
const amount = { name: 'amount', type: 'long' };

t.test('a topic is created with its Kafka topic, both schemas and its place in the catalog', async (t) => {
  const name = named('orders');
  const { status, body } = await create({ name, partitions: 3, retentionMs: 3_600_000, schema: record(amount) });
  t.equal(status, 201);
  t.ok(Check(Topic, body), 'of the documented shape');
  t.match(body, {
    name,
    tenant: 'default',
    kafkaTopic: `default.${name}`,
    subject: `default.${name}-value`,
    partitions: 3,
  });

  t.equal((await kafka.describeTopic(`default.${name}`))?.partitions.length, 3);
  t.equal((await kafka.describeTopic('default.dead-letter'))?.partitions.length, 1);
  t.equal((await registry.latest(`default.${name}-value`))?.schemaId, body.schemaId);
  const batch = await registry.getSchemaById(body.batchSchemaId);
  t.not(batch, 'unknown');
  if (batch !== 'unknown') t.match(JSON.parse(batch.schema), { name: 'OrderBatch', 'mds.batch': 'events' });
  t.equal(
    await registry.checkCompatibility(`default.${name}-value`, JSON.stringify(record({ name: 'x', type: 'int' }))),
    false,
  );

  const entry = await until('the catalog', 5000, () => redis.hget(keys.catalog, String(body.topicId)));
  t.match(readMessage(CatalogTopic, entry), { name, partitions: 3, schemaId: body.schemaId });
  t.same((await api.call('GET', `/v1/topics/${name}`)).body, body);
});

t.test('a version registered by a producer becomes the schema that filters are checked against', async (t) => {
  const name = named('evolving');
  const { body } = await create({ name, partitions: 1, schema: record(amount) });
  const check = () => api.call('POST', '/v1/filters/check', { topic: name, filter: 'currency == "EUR"' });
  t.match((await check()).body, { valid: false });
  const evolved = record(amount, { name: 'currency', type: 'string', default: 'EUR' });
  const schemaId = await registry.register(body.subject, JSON.stringify(evolved));
  await until('the new version', 15_000, async () => (await check()).body.valid);
  const { body: after } = await api.call('GET', `/v1/topics/${name}`);
  t.match(after, { schemaId, schema: evolved });
  t.not(after.batchSchemaId, body.batchSchemaId);
  const entry = await until('the catalog', 5000, async () => {
    const text = await redis.hget(keys.catalog, String(body.topicId));
    return text !== null && readMessage(CatalogTopic, text).schemaId === schemaId ? text : null;
  });
  t.match(JSON.parse(readMessage(CatalogTopic, entry).schema), evolved);
});

t.test('a topic without a schema is one of monitoring events', async (t) => {
  const { body } = await create({ name: named('default-schema') });
  t.match(body, { partitions: 8, cleanupPolicy: 'delete', schema: { name: 'MonitoringEvent' } });
});

t.test('a name that is taken is refused', async (t) => {
  const name = named('taken');
  await create({ name, partitions: 1 });
  t.match(await create({ name, partitions: 1 }), { status: 409, body: { code: 'MDS_ALREADY_EXISTS' } });
});

t.test(
  'a schema that is not compatible with what the subject has is refused, and nothing is left behind',
  async (t) => {
    const name = named('incompatible');
    await registry.register(`default.${name}-value`, JSON.stringify(record(amount)));
    const refused = await create({ name, partitions: 1, schema: record({ name: 'other', type: 'string' }) });
    t.match(refused, { status: 409, body: { code: 'MDS_SCHEMA_INCOMPATIBLE', subject: `default.${name}-value` } });
    t.equal((await api.call('GET', `/v1/topics/${name}`)).status, 404);
    t.equal(await kafka.describeTopic(`default.${name}`), null);
    const compatible = await create({ name, partitions: 1, schema: record(amount) });
    t.equal(compatible.status, 201, 'the name is free for one that fits');
  },
);

t.test('a Kafka topic that is there already is taken as it is, or refused when it does not fit', async (t) => {
  const name = named('adopted');
  await kafka.createTopic({ topic: `default.${name}`, partitions: 2 });
  t.match(await create({ name, partitions: 3 }), { status: 409, body: { code: 'MDS_ALREADY_EXISTS', partitions: 2 } });
  t.equal((await create({ name, partitions: 2 })).status, 201);
  t.equal((await api.call('DELETE', `/v1/topics/${name}`)).status, 204);
  t.equal((await kafka.describeTopic(`default.${name}`))?.partitions.length, 2, 'and left there when it is deleted');
});

t.test('the same idempotency key gives the same answer, and belongs to one request', async (t) => {
  const name = named('once');
  const key = { 'idempotency-key': `key-${name}` };
  const [first, second] = await Promise.all([
    create({ name, partitions: 1 }, key),
    create({ partitions: 1, name }, key),
  ]);
  t.same([first.status, second.status], [201, 201]);
  t.same(first.body, second.body);
  t.same([first, second].filter(({ headers }) => headers.get('idempotency-replayed') === 'true').length, 1);
  t.match(await create({ name, partitions: 2 }, key), { status: 422, body: { code: 'MDS_IDEMPOTENCY_MISMATCH' } });
  await db.query(`UPDATE idempotency_keys SET created_at = now() - interval '25 hours'`);
  t.match(await create({ name, partitions: 1 }, key), { status: 409 }, 'a day later it is a new request');
  t.match(await create({ name: named('later'), partitions: 1 }, key), { status: 201 }, 'and a failure is not kept');
});

t.test('a list comes in pages that miss nothing and show nothing twice', async (t) => {
  for (const letter of ['c', 'a', 'b']) await create({ name: named(`page-${letter}`), partitions: 1 });
  const seen: string[] = [];
  let pages = 0;
  for (let token: string | null = ''; token !== null; pages++) {
    const query: string = token === '' ? '' : `&pageToken=${token}`;
    const { body } = await api.call('GET', `/v1/topics?limit=2${query}`);
    t.ok(body.items.length <= 2);
    for (const topic of body.items) seen.push(topic.name);
    token = body.nextPageToken;
  }
  t.same(seen, [...new Set(seen)].sort());
  t.equal(pages, Math.ceil(seen.length / 2));
  const wrong = await api.call('GET', '/v1/topics?pageToken=x');
  t.match(wrong, { status: 400, body: { code: 'MDS_PAGE_TOKEN_INVALID' } });
});

t.test('a deleted topic is gone everywhere, and its name is free', async (t) => {
  const name = named('short-lived');
  const { body } = await create({ name, partitions: 1, schema: record(amount) });
  await until('the catalog', 5000, () => redis.hexists(keys.catalog, String(body.topicId)));
  t.equal((await api.call('DELETE', `/v1/topics/${name}`)).status, 204);
  t.equal((await api.call('GET', `/v1/topics/${name}`)).status, 404);
  await until('Kafka', 5000, async () => (await kafka.describeTopic(`default.${name}`)) === null);
  t.equal(await registry.latest(`default.${name}-value`), null);
  await until('the catalog', 5000, async () => (await redis.hexists(keys.catalog, String(body.topicId))) === 0);
  t.match(await api.call('DELETE', `/v1/topics/${name}`), { status: 404, body: { code: 'MDS_TOPIC_UNKNOWN' } });
  const again = await create({ name, partitions: 2, schema: record({ name: 'other', type: 'string' }) });
  t.equal(again.status, 201);
  t.not(again.body.topicId, body.topicId);
});

t.test('a filter is checked against the schema of its topic', async (t) => {
  const topic = named('orders');
  const check = async (body: object) => (await api.call('POST', '/v1/filters/check', { topic, ...body })).body;
  t.match(await check({ filter: 'amount > 5' }), { valid: true, canonical: 'amount > 5', fieldsRead: ['amount'] });
  t.match(await check({ filter: 'amuont > 5' }), {
    valid: false,
    error: { code: 'MDS_FILTER_UNKNOWN_FIELD', didYouMean: 'amount', at: { offset: 0 } },
  });
  t.match(await check({ filter: '', fields: ['nothing'] }), { error: { code: 'MDS_PROJECTION_UNKNOWN_FIELD' } });
  const unknown = await api.call('POST', '/v1/filters/check', { topic: 'none', filter: '' });
  t.match(unknown, { status: 404, body: { code: 'MDS_TOPIC_UNKNOWN' } });
});

t.test('durable subscriptions are kept, listed and deleted, and go with their topic', async (t) => {
  const topic = named('subscribed');
  await create({ name: topic, partitions: 1, schema: record(amount) });
  const subscribe = (wish: object, headers = {}) => api.call('POST', '/v1/subscriptions', { topic, ...wish }, headers);
  const { status, body } = await subscribe({ name: 'big', filter: 'amount > 100', fields: ['amount'] });
  t.equal(status, 201);
  t.match(body, { name: 'big', topic, filter: 'amount > 100', fields: ['amount'], state: 'active', group: null });
  t.match((await api.call('GET', `/v1/subscriptions/${body.id}`)).body, { id: body.id, name: 'big' });
  t.match(await subscribe({ name: 'big' }), { status: 409, body: { code: 'MDS_ALREADY_EXISTS' } });
  t.match(await subscribe({ name: 'x', filter: 'nope > 1' }), {
    status: 422,
    body: { code: 'MDS_FILTER_UNKNOWN_FIELD' },
  });
  t.match(await subscribe({ name: 'x', topic: 'none' }), { status: 404, body: { code: 'MDS_TOPIC_UNKNOWN' } });
  t.match(await subscribe({ name: 'all' }, { 'idempotency-key': 'all' }), {
    status: 201,
    body: { filter: '', fields: null },
  });

  const first = (await api.call('GET', '/v1/subscriptions?limit=1')).body;
  const second = (await api.call('GET', `/v1/subscriptions?limit=1&pageToken=${first.nextPageToken}`)).body;
  t.same(
    [first, second].map(({ items }) => items[0].name),
    ['big', 'all'],
  );
  t.equal(second.nextPageToken, null);

  t.equal((await api.call('DELETE', `/v1/subscriptions/${body.id}`)).status, 204);
  t.match(await api.call('DELETE', `/v1/subscriptions/${body.id}`), {
    status: 404,
    body: { code: 'MDS_SUBSCRIPTION_UNKNOWN' },
  });
  t.equal((await api.call('GET', `/v1/subscriptions/${body.id}`)).status, 404);
  await api.call('DELETE', `/v1/topics/${topic}`);
  t.same((await api.call('GET', '/v1/subscriptions')).body.items, []);
});
