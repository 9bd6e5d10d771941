// Events over HTTP on the whole service, under flow: streams that are killed again and again, edges that drain, readers that do
// not read, and pollers. The ledger of each is exact.

import { spawn } from 'node:child_process';
import t from 'tap';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import { StreamReader } from '../../workers/edge/http/stream-reader.ts';
import { closeAll } from '../harness/close-all.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS, type ReceivedEvent } from '../harness/ledger.ts';
import { MEASUREMENT_SCHEMA, type ModelledFilter } from '../harness/measurement.ts';
import { randomInteger } from '../harness/random.ts';
import { startService } from '../harness/service.ts';
import { httpUrlOf, StreamSubscriber } from '../harness/stream-subscriber.ts';
import { until } from '../harness/until.ts';

const EVENTS_PER_SECOND = 2000;
const KILLS = 12;
const TIMEOUT_MS = 30_000;
const FILTER: ModelledFilter = { cel: 'active', matches: ({ active }) => active };
const RARE: ModelledFilter = { cel: 'level == TOP', matches: ({ level }) => level === 'TOP' };

t.setTimeout(150_000);
// Small buffers, so that a reader is slow soon.
const env = { MDS_EDGE_MAX_BUFFERED_BYTES: '262144', MDS_EDGE_POSITION_INTERVAL_MS: '500' };
const service = await startService(t, { workers: 1, edges: 2, env });
const topic = await service.createTopic({ name: 'sse', partitions: 4, schema: MEASUREMENT_SCHEMA });
const brokers = service.stack.env.MDS_KAFKA_BROKERS ?? '';
const urls = service.edges.map(({ clientUrl }) => httpUrlOf(clientUrl));
const urlOf = (edge: number): string => urls[edge % urls.length] ?? '';

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
    while (!isOver) await poll(polls % 10 === 9 ? 1 : 0, '500ms');
  })();
  t.teardown(() => {
    isOver = true;
    return polling;
  });
  await until('many polls', TIMEOUT_MS, () => polls >= 100);
  await stream.stop();
  const ledger = await settled({ stream, filter: RARE, received, after: start });
  isOver = true;
  await polling;
  t.comment(`${polls} polls: ${ledgerText(ledger)}`);
  t.same(faultsOf(ledger), NO_FAULTS);
});

t.test(
  'a reader that does not read is sent away and resumes exactly; one that asks for it is told what it lost',
  async (t) => {
    const slow = new StreamSubscriber(topic.name);
    const dropping = new StreamSubscriber(topic.name, { overflow: 'drop' });
    t.teardown(() => closeAll([slow, dropping]));
    await slow.open(urlOf(0));
    await dropping.open(urlOf(0));
    const stream = await startEventStream({ brokers, topic, eventsPerSecond: 20_000, recordEvents: 200 });
    t.teardown(() => stream.close());
    for (const reader of [slow, dropping]) reader.pause();
    const [edge] = (await service.api.status()).edges.filter(({ clientUrl }) => httpUrlOf(clientUrl) === urlOf(0));
    await until('the slow one to be known as closed, and the other as losing', TIMEOUT_MS, async () => {
      const { items } = await service.api.get<{
        readonly items: readonly { readonly closedAtMs: number | null; readonly droppedEvents: number }[];
      }>(`/v1/edges/${edge?.edgeId}/slow-clients`);
      return (
        items.some(({ closedAtMs }) => closedAtMs !== null) && items.some(({ droppedEvents }) => droppedEvents > 0)
      );
    });
    for (const reader of [slow, dropping]) reader.resume();
    await until('the slow one to know it', TIMEOUT_MS, () => !slow.isOpen);
    // At this rate and with these buffers it may be sent away again, and comes back, as a browser does.
    const { produced } = stream.producer;
    await stream.stop();
    await until('the slow one to have everything', TIMEOUT_MS, async () => {
      if (!slow.isOpen) await slow.open(urlOf(1));
      return slow.received.length >= produced.length;
    });
    const all: ModelledFilter = { cel: '', matches: () => true };
    const ledger = await settled({ stream, filter: all, received: slow.received, after: slow.start ?? new Map() });
    t.comment(`slow: ${ledgerText(ledger)}; ${JSON.stringify(slow.goodbyes)}`);
    t.same(faultsOf(ledger), NO_FAULTS);
    const accounted = (): number =>
      dropping.received.length + dropping.sheds.reduce((sum, { count }) => sum + count, 0);
    await until('each event to be there or counted', TIMEOUT_MS, () => accounted() >= produced.length);
    t.comment(
      `drop: ${dropping.received.length} came, ${accounted() - dropping.received.length} were counted as left out`,
    );
    t.equal(accounted(), produced.length);
    t.ok(dropping.sheds.length > 0);
  },
);

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
  t.match(subscriber.goodbyes, [{ code: 'MDS_SHUTTING_DOWN', edges: [service.edge(1).clientUrl] }]);
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
