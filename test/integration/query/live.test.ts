// Live queries over an event stream and a WebSocket, while events are produced and come late.

import t, { type Test } from 'tap';
import WebSocket from 'ws';
import type { LiveMessage, LiveRow } from '../../../schemas/api/live.ts';
import { TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { aReading, READING_SCHEMA, type Reading, send } from './readings.ts';

const TOLD_MS = 30_000;
const MINUTE_MS = 60_000;

t.setTimeout(120_000);

t.test('rows are told as they change, with revisions for late events, over both', async (t) => {
  const service = await startService(t, { workers: 0, edges: 0 });
  const name = `live-${service.namespace.id}`;
  const topic = await service.api.createTopic({ name, partitions: 2, schema: READING_SCHEMA });
  const [rollup, query] = [await service.addRollup({ MDS_ROLLUP_FLUSH_INTERVAL_MS: '100' }), await service.addQuery()];
  await Promise.all([rollup.start(), query.start()]);
  const producer = await TestProducer.connect<Reading>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());
  const path = (search: Readonly<Record<string, string>>) =>
    `/v1/topics/${name}/aggregate/stream?${new URLSearchParams(search)}`;
  await until('the rollup to be there', TOLD_MS, async () => {
    const answer = await fetch(`${query.httpUrl}/v1/topics/${name}/aggregate`);
    return answer.ok;
  });

  const wish = { groupBy: 'host', window: '1m', windows: '4', functions: 'count,max', filter: 'host != "other"' };
  const stream = await openStream(t, `${query.httpUrl}${path(wish)}`);
  const socket = openSocket(t, `${query.httpUrl.replace('http', 'ws')}${path(wish)}`);
  const told = [stream, socket];
  await until('both to begin', TOLD_MS, () => told.every(({ messages }) => messages[0]?.type === 'begin'));

  const nowMs = Date.now();
  await send(producer, 2, [
    aReading(nowMs, { value: 3 }),
    aReading(nowMs, { host: 'other' }),
    aReading(nowMs, { host: 'h2' }),
  ]);
  const has = (host: string, count: number, max: number) => () =>
    told.every(({ rows }) =>
      [...rows.values()].some((row) => row.group.host === host && row.count === count && row.max === max),
    );
  await until('the first rows', TOLD_MS, has('h1', 1, 3), () => told.map(({ messages }) => messages));
  const first = rowOf(stream.rows, nowMs, 'h1');
  t.equal(first?.revision, 1);
  t.notOk(
    [...stream.rows.values()].some(({ group }) => group.host === 'other'),
    'the filter holds',
  );

  await send(producer, 2, [aReading(nowMs - 2 * MINUTE_MS, { value: 9 }), aReading(nowMs, { value: 5 })]);
  await until('the change', TOLD_MS, has('h1', 2, 5));
  await until('the late event', TOLD_MS, has('h1', 1, 9));
  t.ok((rowOf(stream.rows, nowMs, 'h1')?.revision ?? 0) > 1, 'a row that changed says so');
  t.same(stream.rows, socket.rows, 'both are told the same');

  const refused = await fetch(`${query.httpUrl}${path({ filter: 'severity == ERROR' })}`);
  t.match(await refused.json(), { code: 'MDS_ROLLUP_FILTER' }, 'a question that cannot be answered is a problem');
  const ended = openSocket(t, `${query.httpUrl.replace('http', 'ws')}${path({ window: '7s' })}`);
  await until('the refusal', TOLD_MS, () => ended.messages.at(-1)?.type === 'end');
  t.match(ended.messages.at(-1), { code: 'MDS_REQUEST_INVALID', retryable: false });

  await query.end();
  await until('both to end', TOLD_MS, () => told.every(({ messages }) => messages.at(-1)?.type === 'end'));
  t.match(stream.messages.at(-1), { code: 'MDS_SHUTTING_DOWN', retryable: true });
});

interface Told {
  readonly messages: LiveMessage[];
  readonly rows: Map<string, LiveRow>;
}

function taking(): Told & { readonly take: (text: string) => void } {
  const messages: LiveMessage[] = [];
  const rows = new Map<string, LiveRow>();
  const take = (text: string): void => {
    const message: LiveMessage = JSON.parse(text);
    messages.push(message);
    if (message.type !== 'rows') return;
    for (const row of message.rows) rows.set(`${row.start} ${row.group.host}`, row);
  };
  return { messages, rows, take };
}

const rowOf = (rows: ReadonlyMap<string, LiveRow>, atMs: number, host: string): LiveRow | undefined =>
  rows.get(`${new Date(Math.floor(atMs / MINUTE_MS) * MINUTE_MS).toISOString()} ${host}`);

async function openStream(t: Test, url: string): Promise<Told> {
  const told = taking();
  const stopping = new AbortController();
  t.teardown(() => stopping.abort());
  const answer = await fetch(url, { signal: stopping.signal });
  if (!answer.ok || !answer.body) throw new Error(`${answer.status} ${await answer.text()}`);
  const reading = (async () => {
    let text = '';
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        const data = event.split('\n').find((line) => line.startsWith('data: '));
        if (data) told.take(data.slice('data: '.length));
      }
    }
  })();
  reading.catch(() => undefined); // aborted at the end of the test
  return told;
}

function openSocket(t: Test, url: string): Told {
  const told = taking();
  const socket = new WebSocket(url);
  t.teardown(() => socket.terminate());
  socket.on('message', (data) => told.take(String(data)));
  socket.on('error', (error) =>
    told.messages.push({ type: 'end', code: 'lost', detail: error.message, retryable: false }),
  );
  return told;
}
