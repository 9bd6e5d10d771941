// Events over HTTP on the whole service, under flow: streams that are killed again and again, edges that drain, readers that do
// not read, and pollers. The ledger of each is exact.

import { spawn } from 'node:child_process';
import t, { type Test } from 'tap';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import { StreamReader } from '../../workers/edge/http/stream-reader.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS, type ReceivedEvent, settle } from '../harness/ledger.ts';
import { aMeasurement, MEASUREMENT_SCHEMA, type Measurement, type ModelledFilter } from '../harness/measurement.ts';
import { type ProducedEvent, TestProducer } from '../harness/producer.ts';
import { randomInteger } from '../harness/random.ts';
import { startService } from '../harness/service.ts';
import { httpUrlOf, StreamSubscriber } from '../harness/stream-subscriber.ts';
import { until } from '../harness/until.ts';

const EVENTS_PER_SECOND = 2000;
const KILLS = 10;
const POLLS = 40;
/** About 20 MB of JSON: more than the network between two processes of one machine holds. */
const SLOW_EVENTS = 40_000;
const RECORD_EVENTS = 100;
const TIMEOUT_MS = 60_000;
const FILTER: ModelledFilter = { cel: 'active', matches: ({ active }) => active };
const RARE: ModelledFilter = { cel: 'level == TOP', matches: ({ level }) => level === 'TOP' };

interface SlowClients {
  readonly items: readonly { readonly closedAtMs: number | null }[];
}

t.setTimeout(240_000);
// Small buffers, so that a reader is slow soon.
const env = { MDS_EDGE_MAX_BUFFERED_BYTES: '262144', MDS_EDGE_POSITION_INTERVAL_MS: '500' };
const service = await startService(t, { workers: 1, edges: 2, env });
const topic = await service.createTopic({ name: 'sse', partitions: 4, schema: MEASUREMENT_SCHEMA });
const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
const urls = service.edges.map(({ clientUrl }) => httpUrlOf(clientUrl));
const urlOf = (edge: number): string => urls[edge % urls.length] ?? '';

/** All of them as fast as Kafka takes them. */
async function produce(t: Test, count: number): Promise<readonly ProducedEvent<Measurement>[]> {
  const producer = await TestProducer.connect<Measurement>(brokers, topic);
  t.teardown(() => producer.close());
  for (let at = 0; at < count; at += RECORD_EVENTS) {
    const events = Array.from({ length: RECORD_EVENTS }, (_, i) => aMeasurement(at + i));
    await producer.send({ partition: (at / RECORD_EVENTS) % topic.partitions, events });
  }
  await producer.flush();
  return producer.produced;
}

t.test('a stream that is killed again and again under flow gets each event once, at whichever edge', async (t) => {
  const subscriber = new StreamSubscriber(topic.name, { filter: FILTER.cel });
  t.teardown(() => subscriber.close());
  await subscriber.open(urlOf(0));
  const stream = await startEventStream({ brokers, topic, eventsPerSecond: EVENTS_PER_SECOND });
  t.teardown(() => stream.close());
  for (let kill = 0; kill < KILLS; kill++) {
    const target = subscriber.received.length + 1 + randomInteger(kill, 3, 400);
    await until('more events', TIMEOUT_MS, () => subscriber.received.length >= target);
    subscriber.kill();
    await subscriber.open(urlOf(kill));
  }
  await stream.stop();
  const ledger = await settled({
    ...{ stream, filter: FILTER, received: subscriber.received },
    after: subscriber.start ?? new Map(),
  });
  t.comment(`${KILLS} kills: ${ledgerText(ledger)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
  t.same(subscriber.gaps, []);
});

t.test('pollers of two edges get each event once, and most polls cost no replay', async (t) => {
  const received: ReceivedEvent[] = [];
  let isOver = false;
  let next = '';
  let polls = 0;
  const poll = async (edge: number, wait: string): Promise<void> => {
    const query = new URLSearchParams({ filter: RARE.cel, wait, max: '50', ...(next === '' ? {} : { after: next }) });
    const response = await fetch(`${urlOf(edge)}/v1/topics/${topic.name}/events?${query}`, {
      headers: { accept: 'application/json' },
    });
    const answer = await response.json();
    if (response.status !== 200) throw new Error(JSON.stringify(answer));
    for (const { cursor, event } of answer.events) {
      received.push({ partition: cursor[0], offset: cursor[1], index: cursor[2], data: event });
    }
    next = answer.next;
    polls += 1;
  };
  await poll(0, '0');
  const start = decodeResumeToken(next).position;
  const stream = await startEventStream({ brokers, topic, eventsPerSecond: EVENTS_PER_SECOND });
  t.teardown(() => stream.close());
  // Every tenth poll goes to the other edge, where nothing is kept for it.
  const polling = (async () => {
    while (!isOver) await poll(polls % 10 === 9 ? 1 : 0, '200ms');
  })();
  t.teardown(() => {
    isOver = true;
    return polling;
  });
  await until('many polls', TIMEOUT_MS, () => polls >= POLLS);
  await stream.stop();
  const ledger = await settled({ stream, filter: RARE, received, after: start });
  isOver = true;
  await polling;
  t.comment(`${polls} polls: ${ledgerText(ledger)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
});

t.test('a reader that does not read is sent away, and resumes exactly', async (t) => {
  const slow = new StreamSubscriber(topic.name);
  t.teardown(() => slow.close());
  await slow.open(urlOf(0));
  slow.pause();
  const produced = await produce(t, SLOW_EVENTS);
  const [edge] = (await service.api.status()).edges.filter(({ clientUrl }) => httpUrlOf(clientUrl) === urlOf(0));
  await until('it to be known as closed', TIMEOUT_MS, async () => {
    const { items } = await service.api.get<SlowClients>(`/v1/edges/${edge?.edgeId}/slow-clients`);
    return items.some(({ closedAtMs }) => closedAtMs !== null);
  });
  slow.resume();
  await until('it to have everything', TIMEOUT_MS, async () => {
    if (!slow.isOpen) await slow.open(urlOf(1));
    return slow.received.length >= produced.length;
  });
  t.ok(slow.ends > 0);
  const ledger = settle({ produced, matches: () => true, received: slow.received, after: slow.start ?? new Map() });
  t.comment(`slow: ${ledgerText(ledger)}; sent away ${slow.ends} times`);
  t.same(faultsOf(ledger), NO_FAULTS);
});

t.test('a reader that asks for less than there is gets it, and is told exactly what it did not get', async (t) => {
  const dropping = new StreamSubscriber(topic.name, { overflow: 'drop', maxRate: '200' });
  t.teardown(() => dropping.close());
  await dropping.open(urlOf(0));
  const produced = await produce(t, 5000);
  const accounted = (): number => dropping.received.length + dropping.sheds.reduce((sum, { count }) => sum + count, 0);
  await until('each event to be there or counted', TIMEOUT_MS, () => accounted() >= produced.length);
  t.comment(`drop: ${dropping.received.length} came, ${accounted() - dropping.received.length} were left out`);
  t.equal(accounted(), produced.length);
  t.ok(dropping.sheds.length > 0);
});

t.test('readers of an edge that drains are told, and go on elsewhere without loss', async (t) => {
  const subscriber = new StreamSubscriber(topic.name, { filter: FILTER.cel });
  t.teardown(() => subscriber.close());
  await subscriber.open(urlOf(0));
  const stream = await startEventStream({ brokers, topic, eventsPerSecond: EVENTS_PER_SECOND });
  t.teardown(() => stream.close());
  await until('events before', TIMEOUT_MS, () => subscriber.received.length > 200);
  const end = await service.edge(0).end('SIGTERM');
  t.equal(end.code, 0);
  await until('the stream to end', TIMEOUT_MS, () => !subscriber.isOpen);
  t.match(subscriber.goodbyes, [{ code: 'MDS_SHUTTING_DOWN', edges: [urlOf(1)] }]);
  await subscriber.open(urlOf(1));
  await stream.stop();
  const ledger = await settled({
    ...{ stream, filter: FILTER, received: subscriber.received },
    after: subscriber.start ?? new Map(),
  });
  t.comment(`drain: ${ledgerText(ledger)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
});

t.test('curl -N shows each event as it comes', async (t) => {
  const url = `${urlOf(1)}/v1/topics/${topic.name}/events?${new URLSearchParams({ fields: 'sequence' })}`;
  const curl = spawn('curl', ['--no-buffer', '--silent', '--show-error', url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => curl.kill());
  const reader = new StreamReader();
  curl.stdout.on('data', (bytes: Buffer) => reader.read(bytes));
  await until('the stream to begin', TIMEOUT_MS, () => reader.of('subscribed').length > 0);
  const stream = await startEventStream({ brokers, topic, eventsPerSecond: 100, recordEvents: 1 });
  t.teardown(() => stream.close());
  await until('events', TIMEOUT_MS, () => reader.of('message').length >= 20);
  t.match(JSON.parse(reader.of('message')[0]?.data ?? ''), {
    cursor: [Number, Number, Number],
    event: { sequence: Number },
  });
  await stream.stop();
});
