// Row-level security at the edge: what is planned is what was asked and what the grants demand; only the former is shown.

import t from 'tap';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { encodeResumeToken } from '../../../schemas/resume-token.ts';
import { Catalog } from '../../../workers/edge/catalog.ts';
import { PlanCache } from '../../../workers/edge/plan-cache.ts';
import { assertReadsStill, readingOf } from '../../../workers/edge/reading.ts';
import { readResumePosition } from '../../../workers/edge/resume-position.ts';
import { anIdentity } from './an-identity.ts';

const SCHEMA = JSON.stringify({
  type: 'record',
  name: 'R',
  fields: [
    { name: 'n', type: 'long' },
    { name: 'team', type: 'string' },
  ],
});

const aTopic = (topicId: number, tenant: string, name: string): CatalogTopic => ({
  topicId,
  tenant,
  name,
  kafkaTopic: `${tenant}.${name}`,
  deadLetterTopic: `${tenant}.dead-letter`,
  partitions: 1,
  schemaId: 1,
  schema: SCHEMA,
});

function aCatalog(): Catalog {
  const catalog = new Catalog();
  const topics = [aTopic(1, 'acme', 'metrics'), aTopic(2, 'acme', 'metrics.secret'), aTopic(3, 'other', 'metrics')];
  catalog.update(Object.fromEntries(topics.map((topic) => [topic.topicId, JSON.stringify(topic)])));
  return catalog;
}

const reader = (filter?: string, topics = ['metrics']) =>
  anIdentity({ grants: [{ actions: ['subscribe'], topics, ...(filter === undefined ? {} : { filter }) }] });

t.test('what a grant demands is planned and not shown', async (t) => {
  const catalog = aCatalog();
  const { plan, filter } = readingOf(catalog, reader('team == "a"'), { topic: 'metrics', filter: '(n>1)' }, 'json');
  t.equal(filter, 'n > 1');
  t.match(plan.plan.filter, /n > 1/);
  t.match(plan.plan.filter, /team == "a"/);
  t.ok(plan.cost > readingOf(catalog, reader(), { topic: 'metrics', filter: 'n > 1' }, 'json').plan.cost);
});

t.test('no filter reaches around what a grant demands', async (t) => {
  const catalog = aCatalog();
  for (const filter of ['true) || (true', 'n > 1) || (n <= 1', '"', 'true //', 'n > 1 || true']) {
    try {
      const { plan } = readingOf(catalog, reader('team == "a"'), { topic: 'metrics', filter }, 'json');
      t.match(plan.plan.filter, /^team == "a"/, filter);
    } catch (error) {
      t.match(error, { code: /^MDS_FILTER_/ }, filter);
    }
  }
});

t.test('equal plans are one channel within a tenant, and never one between tenants', async (t) => {
  const catalog = aCatalog();
  const asked = { topic: 'metrics', filter: 'team == "a"' };
  const byGrant = readingOf(catalog, reader('team == "a"'), { topic: 'metrics' }, 'json');
  t.equal(readingOf(catalog, reader(), asked, 'json').plan.channel, byGrant.plan.channel);
  const elsewhere = readingOf(catalog, anIdentity({ tenant: 'other' }), asked, 'json');
  t.equal(elsewhere.topic.topicId, 3);
  t.not(elsewhere.plan.channel, byGrant.plan.channel);
});

t.test(
  'topics of other tenants are not there; those without a grant are forbidden, whether they are there or not',
  async (t) => {
    const catalog = aCatalog();
    const read = (identity = reader(), topic = 'metrics') => readingOf(catalog, identity, { topic }, 'json');
    t.throws(() => read(anIdentity({ tenant: 'nobody' })), { code: 'MDS_TOPIC_UNKNOWN' });
    t.throws(() => read(reader(), 'metrics.secret'), { code: 'MDS_FORBIDDEN' });
    t.throws(() => read(reader(), 'nothing'), { code: 'MDS_FORBIDDEN' });
    t.throws(() => read(reader(undefined, ['metrics', 'metrics.secre']), 'metrics.secre'), {
      code: 'MDS_TOPIC_UNKNOWN',
      message: 'There is no topic metrics.secre.', // and none is named that it may not read
    });
    t.throws(() => read(anIdentity({ tenant: 'other' }), 'metrics.secret'), { code: 'MDS_TOPIC_UNKNOWN' });
  },
);

t.test('a resume token of another tenant’s topic opens nothing', async (t) => {
  const { topic } = readingOf(aCatalog(), reader(), { topic: 'metrics' }, 'json');
  const token = (topicId: number) => encodeResumeToken({ topicId, position: new Map([[0, { offset: 5, index: 0 }]]) });
  t.same([...readResumePosition(token(1), topic)], [[0, { offset: 5, index: 0 }]]);
  t.throws(() => readResumePosition(token(3), topic), { code: 'MDS_TOKEN_WRONG_TOPIC' });
});

t.test(
  'a reading stands while the identity reads the same, and ends when it reads something else or nothing',
  async (t) => {
    const catalog = aCatalog();
    const reading = readingOf(catalog, reader('team == "a"'), { topic: 'metrics', fields: ['n'] }, 'json');
    assertReadsStill(catalog, reader('team  ==  "a"'), reading);
    t.throws(() => assertReadsStill(catalog, reader('team == "b"'), reading), {
      code: 'MDS_GRANTS_CHANGED',
      retryable: true,
    });
    t.throws(() => assertReadsStill(catalog, reader(undefined, ['x']), reading), {
      code: 'MDS_FORBIDDEN',
      retryable: false,
    });
  },
);

t.test('a tenant that asks for ever new filters forgets its own plans only', async (t) => {
  const cache = new PlanCache(10);
  const plan = readingOf(aCatalog(), reader(), { topic: 'metrics' }, 'json').plan;
  for (let i = 0; i < 3; i++) cache.set('quiet', `${i}`, plan);
  for (let i = 0; i < 50; i++) cache.set('busy', `${i}`, plan);
  t.equal(cache.size, 10);
  for (let i = 0; i < 3; i++) t.equal(cache.get('quiet', `${i}`), plan);
  t.equal(cache.get('busy', '49'), plan);
  t.equal(cache.get('busy', '0'), undefined);
  cache.get('busy', '43');
  cache.set('busy', 'next', plan);
  t.equal(cache.get('busy', '43'), plan, 'what was asked for lately stays');
  cache.clear();
  t.equal(cache.size, 0);
});
