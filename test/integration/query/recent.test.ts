// Events that Kafka holds, read a page at a time over HTTP, compared with what was produced.

import t from 'tap';
import type { RecentAnswer } from '../../../schemas/api/data.ts';
import { TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { aReading, READING_SCHEMA, type Reading } from './readings.ts';

const PARTITIONS = 3;
const KNOWN_MS = 30_000;

t.setTimeout(120_000);

t.test('pages of recent events hold every event that matches, once, in order', async (t) => {
  const service = await startService(t, { workers: 0, edges: 0 });
  const name = `recent-${service.namespace.id}`;
  const topic = await service.api.createTopic({ name, partitions: PARTITIONS, schema: READING_SCHEMA });
  const query = await service.addQuery();
  await query.start();
  const producer = await TestProducer.connect<Reading>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());
  const reading = (i: number): Reading =>
    aReading(Date.now(), { host: `h${i % 7}`, value: i, severity: i % 5 === 0 ? 'ERROR' : 'INFO' });
  let made = 0;
  for (let round = 0; round < 40; round++) {
    const partition = round % PARTITIONS;
    const events = Array.from({ length: round % 4 === 0 ? 1 : 13 }, () => reading(made++));
    await producer.send({ partition, events });
    if (round === 20) await producer.sendBytes(0, Buffer.from('no record'));
    await producer.flush();
  }
  const produced = producer.produced.map(({ event }) => event.value);

  const get = async (search: Readonly<Record<string, string>>) =>
    fetch(`${query.httpUrl}/v1/topics/${name}/recent?${new URLSearchParams(search)}`);
  const page = async (search: Readonly<Record<string, string>>): Promise<RecentAnswer> => {
    const answer = await get(search);
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const all = async (search: Readonly<Record<string, string>>) => {
    const events: RecentAnswer['events'] = [];
    let unreadable = 0;
    for (let cursor: string | null = null; ; ) {
      const answer: RecentAnswer = await page({ ...search, ...(cursor === null ? {} : { cursor }) });
      events.push(...answer.events);
      unreadable += answer.unreadableRecords;
      cursor = answer.cursor;
      if (cursor === null) return { events, unreadable, scannedTo: answer.scannedTo };
    }
  };
  const readingValue = (event: unknown): unknown => (event as Reading).value; // the topic's own schema
  await until('the topic to be known', KNOWN_MS, async () => (await get({ limit: '1' })).ok);

  for (const order of ['oldest', 'newest'] as const) {
    const { events, scannedTo } = await all({ order, limit: '37' });
    t.equal(events.length, produced.length, `${order} first: every event`);
    t.same(new Set(events.map(({ event }) => readingValue(event))), new Set(produced), 'once');
    const times = events.map(({ recordedAt }) => Date.parse(recordedAt) * (order === 'newest' ? -1 : 1));
    t.same(
      times,
      times.toSorted((a, b) => a - b),
      'in order over all partitions',
    );
    const ofOne = events.filter(({ partition }) => partition === 1).map(({ offset, index }) => offset * 1000 + index);
    t.same(
      ofOne,
      ofOne.toSorted((a, b) => (order === 'newest' ? b - a : a - b)),
      'and within each',
    );
    t.equal(scannedTo.length, PARTITIONS);
  }

  const errors = await all({ filter: 'severity == ERROR', limit: '5' });
  t.same(
    new Set(errors.events.map(({ event }) => readingValue(event))),
    new Set(producer.produced.filter(({ event }) => event.severity === 'ERROR').map(({ event }) => event.value)),
    'any filter on events may be asked',
  );
  t.ok(errors.unreadable >= 1, 'a record that cannot be read is counted');

  t.same((await page({ from: '-1s', to: '2001-01-01T00:00:00Z' })).events, [], 'a range without events');
  const third = producer.produced[30];
  const { events } = await all({ order: 'oldest', from: '-1h', limit: '1000' });
  const place = events.find(
    ({ partition, offset, index }) =>
      partition === third?.partition && offset === third.offset && index === third.index,
  );
  t.equal(readingValue(place?.event), third?.event.value, 'each event says where it stands');

  const lines = await get({ format: 'ndjson', limit: '10' });
  t.equal((await lines.text()).trim().split('\n').length, 10);
  t.ok(lines.headers.get('mds-next-cursor'), 'there is more');
  t.ok(
    (await (await get({ format: 'csv', limit: '2' })).text()).startsWith('partition,offset,index,recordedAt,event\r\n'),
  );
  t.match(await (await get({ cursor: 'bm9uc2Vuc2U' })).json(), { code: 'MDS_PAGE_TOKEN_INVALID' });
  t.match(await (await get({ filter: 'severty == ERROR' })).json(), { code: 'MDS_FILTER_UNKNOWN_FIELD' });
  t.ok((await get({ limit: '1' })).headers.get('ratelimit'), 'limits are told');
});
