// Row-level security: whoever reads a topic through a mandatory filter learns nothing of the other events, whatever they ask,
// by whichever door: each operation that shows something is asked about things of their own tenant, and what stands in the
// events that their filter excludes is searched for in all answers.

import { randomBytes } from 'node:crypto';
import t from 'tap';
import type { ApiDocument } from '../../../platform/openapi/complete-document.ts';
import { TestProducer } from '../../integration/harness/producer.ts';
import type { TopicInfo } from '../../integration/harness/rest-client.ts';
import { until } from '../../integration/harness/until.ts';
import { ask, GuardedService, UNLIMITED } from '../harness/guarded-service.ts';
import { RawWebSocket, text } from '../websocket/raw-websocket.ts';
import { type Attempt, attemptsOf } from './attempts.ts';
import { EVENT, isAggregated, makeVictim } from './victim.ts';

const MARK = `excluded${randomBytes(8).toString('hex')}`;
const OWN_EVENTS = 20;
const EXCLUDED_EVENTS = 30;
const FILTER = 'labels["team"] == claims.team';
const KNOWN_MS = 30_000;
/** Beside GET: they change nothing that others need, and show something. */
const SHOWING_POSTS = new Set([
  'POST /v1/filters/check',
  'POST /v1/topics/{topic}/aggregate',
  'POST /v1/dead-letters/{id}/redrive',
  'POST /v1/dead-letters/redrive',
  'POST /v1/topics/{name}/schemas/check',
]);

t.setTimeout(240_000);
const guarded = await GuardedService.start(t, UNLIMITED);
const { service } = guarded;
const [ingest, query, rollup] = [await service.addIngest(), await service.addQuery(), await service.addRollup()];
await Promise.all([ingest.start(), query.start(), rollup.start()]);
const victim = await makeVictim(guarded);
const { ids, tenant } = victim;
await isAggregated(query, victim);
const admin = victim.credential;
const topic: TopicInfo = await guarded.must('GET', `/v1/topics/${ids.topic}`, undefined, admin);
const restricted = (actions: readonly string[]) =>
  guarded.newKey({ tenant, grants: [{ actions, topics: ['*'], filter: FILTER }], claims: { team: 'a' } });
const [reader, manager] = [await restricted(['subscribe']), await restricted(['subscribe', 'manage', 'publish'])];

const producer = await TestProducer.connect<object>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
t.teardown(() => producer.close());
const marked = { id: MARK, host: MARK, service: MARK, name: MARK, message: MARK };
for (let n = 0; n < EXCLUDED_EVENTS; n++) {
  await producer.send({ partition: 0, events: [{ ...EVENT, ...marked, labels: { team: 'b', [MARK]: MARK } }] });
  if (n < OWN_EVENTS)
    await producer.send({ partition: 0, events: [{ ...EVENT, id: `own-${n}`, labels: { team: 'a' } }] });
}
await producer.sendBytes(0, Buffer.from(`${MARK} is no Avro`));
await producer.flush();

const edgeUrl = service.edge(0).clientUrl.replace('ws:', 'http:');
const urls: Readonly<Record<string, string>> = { ingest: ingest.httpUrl, query: query.httpUrl, edge: edgeUrl };
const document: ApiDocument = await guarded.must('GET', '/openapi.json');
const isShowing = ({ method, operation }: Attempt): boolean => method === 'GET' || SHOWING_POSTS.has(operation);
const attempts = attemptsOf(document).filter(isShowing);
const asked = ({ door, method, path, body, contentType }: Attempt, credential: string) => {
  const headers = { 'content-type': contentType };
  const url = door === undefined ? guarded.url : (urls[door] ?? '');
  return ask(url, method, path(ids), { credential, ...(body === null ? {} : { body: body(ids), headers }) });
};

const letterIds = await until('the dead letters', KNOWN_MS, async () => {
  const { items } = await guarded.must('GET', `/v1/dead-letters?topic=${ids.topic}`, undefined, admin);
  return items.length >= 2 ? items.map(({ id }: { id: string }) => id) : null;
});

t.test('no operation shows an event that the mandatory filter excludes', async (t) => {
  for (const [kind, { credential }] of Object.entries({ reader, manager })) {
    for (const attempt of attempts) {
      const { status, text: said } = await asked(attempt, credential);
      if (said.includes(MARK)) t.fail(`${kind}: ${attempt.name} shows it: ${said.slice(0, 500)}`);
      if (status >= 500 && status !== 503) t.fail(`${kind}: ${attempt.name} is answered ${status} ${said}`);
    }
    t.pass(`${kind}: ${attempts.length} attempts`);
  }
});

t.test('dead letters, why and recent events show it to whoever may read all, and to nobody else', async (t) => {
  const excluded = producer.produced.find(({ event }) => JSON.stringify(event).includes(MARK));
  const cursor = `${excluded?.partition}:${excluded?.offset}`;
  const paths = [
    ...letterIds.map((id: string) => [guarded.url, `/v1/dead-letters/${id}`]),
    [guarded.url, `/v1/subscriptions/${ids.subscription}/why?cursor=${cursor}`],
    [guarded.url, `/v1/subscriptions/${ids.subscription}/why?event=${MARK}`],
    [query.httpUrl, `/v1/topics/${ids.topic}/recent?limit=100`],
  ];
  let shown = 0;
  for (const [url = '', path = ''] of paths) {
    const whole = await ask(url, 'GET', path, { credential: admin });
    const bytes = Buffer.from(JSON.parse(whole.text).original?.value ?? '', 'base64');
    if (whole.text.includes(MARK) || bytes.includes(MARK)) shown += 1;
    for (const { credential } of [reader, manager]) {
      const answer = await ask(url, 'GET', path, { credential });
      const value: unknown = JSON.parse(answer.text).original?.value ?? '';
      const isClean = !answer.text.replaceAll(path, '').includes(`"host":"${MARK}`) && value === '';
      t.ok(isClean, `${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
    }
  }
  t.ok(shown >= paths.length - 1, `${shown} of ${paths.length} can show it`);
});

t.test('the ledger is refused, and so is what only an admin sees', async (t) => {
  for (const path of [`/v1/subscriptions/${ids.subscription}/ledger`, '/v1/errors', '/v1/connections', '/v1/audit']) {
    for (const { credential } of [reader, manager]) {
      t.equal((await ask(guarded.url, 'GET', path, { credential })).status, 403, path);
    }
    t.equal((await ask(guarded.url, 'GET', path, { credential: admin })).status, 200, path);
  }
});

t.test('explain counts the events that may be read, and no others', async (t) => {
  const body = { topic: ids.topic, filter: 'service != ""', explain: true };
  for (const [credential, events] of [
    [reader.credential, OWN_EVENTS],
    [admin, OWN_EVENTS + EXCLUDED_EVENTS + 1],
  ] as const) {
    const { measured, reason } = await guarded.must('POST', '/v1/filters/check', body, credential);
    t.match(measured, { events, matched: events, tested: Number }, JSON.stringify(reason));
    t.ok(measured?.tested <= events);
  }
});

t.test('a subscription has the events that may be read, and no others', async (t) => {
  await guarded.isKnownAtEdge(reader.credential, true);
  const port = Number(new URL(service.edge(0).clientUrl).port);
  const client = await RawWebSocket.open({ port, headers: { Authorization: `Bearer ${reader.credential}` } });
  await client.write(text(JSON.stringify({ type: 'subscribe', id: 'a', topic: ids.topic })));
  await client.until(() => client.seen.includes('subscribed'), 'the subscription');
  await producer.send({ partition: 0, events: [{ ...EVENT, ...marked, labels: { team: 'b' } }] });
  await producer.send({ partition: 0, events: [{ ...EVENT, id: 'own-last', labels: { team: 'a' } }] });
  await client.until(() => client.messages.some((one) => one.includes('own-last')), 'the last event', KNOWN_MS);
  t.same(
    client.messages.filter((one) => one.includes(MARK)),
    [],
  );
  client.destroy();
});
