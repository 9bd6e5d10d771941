// What Last-Event-ID can be besides right: corrupt, of another topic, older than what Kafka holds. And long polls by curl alone,
// and a reader with nothing but fetch, over kills of the edge.

import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import t from 'tap';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS, type ReceivedEvent, settle } from '../harness/ledger.ts';
import { aMeasurement, MEASUREMENT_SCHEMA, type Measurement, type ModelledFilter } from '../harness/measurement.ts';
import { TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { httpUrlOf, StreamSubscriber } from '../harness/stream-subscriber.ts';
import { until } from '../harness/until.ts';
import { deleteRecords } from '../stream/delete-records.ts';

const run = promisify(execFile);
const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/event-stream.ts', import.meta.url));
const TIMEOUT_MS = 60_000;
const EVENTS = 300;
const DELETED = 200;
const FILTER: ModelledFilter = { cel: 'active', matches: ({ active }) => active };
const KILLS = 2;
const EVENTS_PER_SECOND = 500;

t.setTimeout(240_000);
const service = await startService(t, { env: { MDS_EDGE_POSITION_INTERVAL_MS: '500' } });
const topic = await service.createTopic({ name: 'sse-ids', partitions: 1, schema: MEASUREMENT_SCHEMA });
const other = await service.createTopic({ name: 'sse-other', partitions: 1, schema: MEASUREMENT_SCHEMA });
const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
const url = httpUrlOf(service.edge(0).clientUrl);
const eventsOf = (name: string, query: Readonly<Record<string, string>> = {}): string =>
  `${url}/v1/topics/${name}/events?${new URLSearchParams(query)}`;

async function idOf(name: string): Promise<string> {
  const subscriber = new StreamSubscriber(name);
  await subscriber.open(url);
  subscriber.close();
  return subscriber.lastEventId;
}

t.test(
  'an id that is none, or of another topic, or a filter with a mistake, is a problem before anything begins',
  async (t) => {
    const foreign = await idOf(other.name);
    for (const [what, query, lastEventId, status, code] of [
      ['no id at all', {}, 'nonsense', 400, 'MDS_TOKEN_CORRUPT'],
      ['an id with a mistake', {}, `${foreign.slice(0, -2)}AA`, 400, 'MDS_TOKEN_CORRUPT'],
      ['an id of another topic', {}, foreign, 400, 'MDS_TOKEN_WRONG_TOPIC'],
      ['a filter with a mistake', { filter: 'levl == TOP' }, '', 422, 'MDS_FILTER_UNKNOWN_FIELD'],
    ] as const) {
      const headers = { accept: 'text/event-stream', ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }) };
      const response = await fetch(eventsOf(topic.name, query), { headers });
      t.equal(response.status, status, what);
      t.match(response.headers.get('content-type'), 'application/problem+json');
      t.match(await response.json(), { code, retryable: false });
    }
  },
);

t.test('a ticket is good once, and Redis has nothing that could be used', async (t) => {
  const make = async (): Promise<string> => {
    const response = await fetch(`${url}/v1/tickets`, { method: 'POST' });
    t.equal(response.status, 201);
    return (await response.json()).ticket;
  };
  const use = async (ticket: string): Promise<number> =>
    (await fetch(eventsOf(topic.name, { ticket }), { method: 'HEAD' })).status;
  const ticket = await make();
  t.equal(await use(ticket), 200);
  t.equal(await use(ticket), 401, 'a second time');
  t.equal(await use('x'.repeat(32)), 401, 'one that nobody made');
  const unused = await make();
  const redis = new Redis(service.stack.env.MDS_REDIS_URL ?? '');
  t.teardown(() => redis.disconnect());
  const keys = await redis.keys(`${service.namespace.env.MDS_REDIS_PREFIX}:ticket:*`);
  t.equal(keys.length, 1);
  t.notMatch(`${keys} ${await redis.mget(keys)}`, unused);
  t.ok((await redis.pttl(keys[0] ?? '')) <= 30_000);
});

t.test('HEAD and a page that asks first are answered, and nobody has to wait for it', async (t) => {
  const head = await fetch(eventsOf(topic.name), { method: 'HEAD' });
  t.equal(head.status, 200);
  t.match(head.headers.get('content-type'), 'text/event-stream');
  t.equal(head.headers.get('content-length'), null);
  const { stdout } = await run('curl', [
    '-si',
    '-X',
    'OPTIONS',
    '-H',
    'Origin: http://localhost:1',
    eventsOf(topic.name),
  ]);
  t.match(stdout, /^HTTP\/1\.1 204 /);
  t.match(stdout, /access-control-allow-origin: http:\/\/localhost:1/);
});

t.test('whoever comes back after retention is told exactly what is gone, and gets the rest', async (t) => {
  const subscriber = new StreamSubscriber(topic.name);
  t.teardown(() => subscriber.close());
  await subscriber.open(url);
  subscriber.kill();
  const witness = new StreamSubscriber(topic.name);
  t.teardown(() => witness.close());
  await witness.open(url);
  const producer = await TestProducer.connect<Measurement>(brokers, topic);
  t.teardown(() => producer.close());
  for (let n = 0; n < EVENTS; n++) await producer.send({ partition: 0, events: [aMeasurement(n)] });
  await producer.flush();
  // what the worker has already read would still come live, however much of it Kafka has deleted meanwhile
  await until('live delivery of all', TIMEOUT_MS, () => witness.received.length >= EVENTS);
  const first = producer.produced[0]?.offset ?? 0;
  const kept = first + DELETED;
  await deleteRecords(brokers, topic.kafkaTopic, 0, kept);
  const behind = subscriber.start?.get(0);
  await subscriber.open(url);
  await until('the rest', TIMEOUT_MS, () => subscriber.received.length >= EVENTS - DELETED);
  t.match(subscriber.gaps, [
    { partition: 0, from: [behind?.offset, behind?.index], to: [kept - 1], code: 'MDS_REPLAY_EXPIRED' },
  ]);
  const ledger = settle({
    produced: producer.produced.filter(({ offset }) => offset >= kept),
    matches: () => true,
    received: subscriber.received,
  });
  t.comment(`beyond retention: ${ledgerText(ledger)}; gaps ${JSON.stringify(subscriber.gaps)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
  const { stdout } = await run('curl', [
    ...['-s', '-H', 'Accept: application/json', eventsOf(topic.name, { after: await idOf(topic.name), wait: '0' })],
  ]);
  t.match(JSON.parse(stdout), { events: [], gaps: [] });
});

t.test('curl in a loop, while the edge is killed, gets each event once', async (t) => {
  const received: ReceivedEvent[] = [];
  let next = '';
  let polls = 0;
  let isOver = false;
  const poll = async (): Promise<void> => {
    const asked = { filter: FILTER.cel, wait: '1s', ...(next === '' ? {} : { after: next }) };
    const body = await run('curl', ['-sf', '-H', 'Accept: application/json', eventsOf(other.name, asked)]).then(
      ({ stdout }) => stdout,
      () => '', // refused or cut off: the same token again
    );
    if (body === '') return;
    const answer = JSON.parse(body);
    for (const { cursor, event } of answer.events) {
      received.push({ partition: cursor[0], offset: cursor[1], index: cursor[2], data: event });
    }
    next = answer.next;
    polls += 1;
  };
  await poll();
  const start = decodeResumeToken(next).position;
  const stream = await startEventStream({ brokers, topic: other, eventsPerSecond: EVENTS_PER_SECOND });
  t.teardown(() => stream.close());
  const polling = (async () => {
    while (!isOver) await poll();
  })();
  t.teardown(() => {
    isOver = true;
    return polling;
  });
  for (let kill = 0; kill < KILLS; kill++) {
    const target = received.length + 200;
    await until('more events', TIMEOUT_MS, () => received.length >= target);
    await service.edge(0).end('SIGKILL');
    await service.edge(0).start();
  }
  await stream.stop();
  const ledger = await settled({ stream, filter: FILTER, received, after: start });
  t.comment(`curl, ${polls} polls, ${KILLS} kills -9 of the edge: ${ledgerText(ledger)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
});

t.test('the example that reads with fetch gets each event once over a kill of the edge', async (t) => {
  const example = spawn(
    process.execPath,
    [EXAMPLE, eventsOf(other.name, { filter: FILTER.cel, lastEventId: await idOf(other.name) })],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  t.teardown(() => example.kill());
  const received: ReceivedEvent[] = [];
  createInterface(example.stdout).on('line', (line) => {
    const { cursor, event } = JSON.parse(line);
    received.push({ partition: cursor[0], offset: cursor[1], index: cursor[2], data: event });
  });
  const start = decodeResumeToken(await idOf(other.name)).position;
  const stream = await startEventStream({ brokers, topic: other, eventsPerSecond: EVENTS_PER_SECOND });
  t.teardown(() => stream.close());
  await until('events', TIMEOUT_MS, () => received.length >= 200);
  await service.edge(0).end('SIGKILL');
  await service.edge(0).start();
  await stream.stop();
  const ledger = await settled({ stream, filter: FILTER, received, after: start });
  t.comment(`fetch, a kill -9 of the edge: ${ledgerText(ledger)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
});
