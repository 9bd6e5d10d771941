// Aggregates and latest values over HTTP, compared with a plain count over what was produced.

import t from 'tap';
import type { AggregateAnswer, LatestAnswer, RollupState } from '../../../schemas/api/data.ts';
import { TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { aReading, countedBy, READING_SCHEMA, type Reading, send } from './readings.ts';

const PARTITIONS = 3;
const COUNTED_MS = 30_000;
const MINUTE_MS = 60_000;

const isJson = ({ headers }: Response): boolean =>
  /^application\/(problem\+)?json/.test(headers.get('content-type') ?? '');

t.setTimeout(120_000);

t.test('what is produced is found in aggregates, as it is produced', async (t) => {
  const service = await startService(t, { workers: 0, edges: 0 });
  const name = `readings-${service.namespace.id}`;
  const topic = await service.api.createTopic({ name, partitions: PARTITIONS, schema: READING_SCHEMA });
  const rollup = await service.addRollup({ MDS_ROLLUP_FLUSH_INTERVAL_MS: '100', MDS_ROLLUP_LATENESS_MS: '120000' });
  const query = await service.addQuery();
  await Promise.all([rollup.start(), query.start()]);
  const producer = await TestProducer.connect<Reading>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());

  const url = (path: string, search: Readonly<Record<string, string>> = {}) =>
    `${query.httpUrl}/v1/topics/${name}/${path}?${new URLSearchParams(search)}`;
  const get = async (path: string, search: Readonly<Record<string, string>> = {}) => {
    const answer = await fetch(url(path, search));
    const text = await answer.text();
    return { status: answer.status, text, json: isJson(answer) ? JSON.parse(text) : null };
  };
  const aggregate = async (search: Readonly<Record<string, string>>): Promise<AggregateAnswer> => {
    const { status, text, json } = await get('aggregate', search);
    if (status !== 200) throw new Error(`${status} ${text}`);
    return json;
  };
  const total = async (): Promise<number> => {
    const { rows } = await aggregate({ from: '-4h', window: '1h' });
    return rows.reduce((sum, { count }) => sum + (count ?? 0), 0);
  };

  // Three hours up to now, so that hours, minutes and seconds are all in play.
  const nowMs = Date.now();
  const begin = nowMs - 180 * MINUTE_MS;
  const readings: Reading[] = Array.from({ length: 3600 }, (_, i) =>
    aReading(begin + i * 3000, {
      host: `h${i % 5}`,
      severity: i % 10 === 0 ? 'ERROR' : 'INFO',
      value: i % 7 === 0 ? null : i % 100,
      labels: i % 2 === 0 ? { zone: 'a' } : {},
    }),
  );
  await send(producer, PARTITIONS, readings.slice(0, 3000));
  await until('the first events to be counted', COUNTED_MS, async () => (await total()) === 3000);
  await send(producer, PARTITIONS, readings.slice(3000));
  await until(
    'the others to be seen in what is held in memory',
    COUNTED_MS,
    async () => (await total()) === 3600,
    total,
  );

  await t.test('by window and group, at every level', async (t) => {
    for (const [window, ms] of [
      ['1h', 3_600_000],
      ['5m', 300_000],
      ['10s', 10_000],
    ] as const) {
      const answer = await aggregate({
        from: '-4h',
        to: '-1s',
        window,
        groupBy: 'host,labels.zone',
        functions: 'count,sum',
      });
      const found: Record<string, { count: number; sum: number }> = {};
      for (const { start, group, count, sum } of answer.rows) {
        found[`${Date.parse(start)} ${group.host} ${group['labels.zone']}`] = { count: count ?? 0, sum: sum ?? 0 };
      }
      const expected = countedBy(
        readings,
        ({ timestamp, host, labels }) => `${Math.floor(timestamp / 1000 / ms) * ms} ${host} ${labels.zone ?? null}`,
      );
      t.same(found, expected, `windows of ${window}`);
      t.ok(answer.isComplete);
    }
  });

  await t.test('filters on what series keep choose series; others are refused with what to do', async (t) => {
    const filter = 'host == "h1" && labels["zone"] == "a"';
    const { rows } = await aggregate({ from: '-4h', window: '1d', filter, functions: 'count,p50,max' });
    const wanted = readings.filter(({ host, labels }) => host === 'h1' && labels.zone === 'a');
    t.equal(
      rows.reduce((sum, { count }) => sum + (count ?? 0), 0),
      wanted.length,
    );
    const refused = await get('aggregate', { filter: 'severity == ERROR' });
    t.match(refused, { status: 422, json: { code: 'MDS_ROLLUP_FILTER', reads: ['severity'] } });
    t.match(await get('aggregate', { groupBy: 'hots' }), { status: 422, json: { code: 'MDS_ROLLUP_DIMENSION' } });
    t.match(await get('aggregate', { window: '7s' }), { status: 400, json: { code: 'MDS_REQUEST_INVALID' } });
    t.match(await get('aggregate', { functions: 'cuont' }), { status: 400, json: { detail: /did you mean count/ } });
  });

  await t.test('lines and CSV have the same rows', async (t) => {
    // asked three times, so not from and to the time of asking: an hour may begin in between
    const [from, to] = [new Date(begin).toISOString(), new Date(nowMs).toISOString()];
    const search = { from, to, window: '1h', groupBy: 'host', functions: 'count,avg' };
    const { rows } = await aggregate(search);
    const lines = (await get('aggregate', { ...search, format: 'ndjson' })).text.trim().split('\n');
    t.same(
      lines.map((line) => JSON.parse(line)),
      rows,
    );
    const csv = (await get('aggregate', { ...search, format: 'csv' })).text.trim().split('\r\n');
    t.equal(csv[0], 'start,host,count,avg');
    t.same(
      csv.slice(1),
      rows.map(({ start, group, count, avg }) => `${start},${group.host},${count},${avg ?? ''}`),
    );
  });

  await t.test('the latest value of each series and of each group', async (t) => {
    const byHost: LatestAnswer = (await get('latest', { group: 'host' })).json;
    for (const { group, at, value } of byHost.rows) {
      const last = readings.filter(({ host, value }) => host === group.host && value !== null).at(-1);
      t.same({ at: Date.parse(at), value }, { at: (last?.timestamp ?? 0) / 1000, value: last?.value });
    }
    t.equal(byHost.rows.length, 5);
    const bySeries: LatestAnswer = (await get('latest', { filter: 'host == "h1"' })).json;
    t.same(bySeries.rows.map(({ group }) => group['labels.zone'] ?? null).sort(), ['a', null], 'with its labels');
  });

  await t.test(
    'another definition counts all of Kafka anew; what has no series of its own is said to be left out',
    async (t) => {
      const rollupOf = (): Promise<RollupState> => service.api.get(`/v1/topics/${name}/rollup`);
      const definition = { fields: ['host', 'severity'], labels: [], value: 'value', time: 'timestamp', maxSeries: 3 };
      const put = (body: unknown) =>
        fetch(`${service.controlPlane.httpUrl}/v1/topics/${name}/rollup`, {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
      t.match(await (await put({ ...definition, fields: ['hots'] })).json(), { code: 'MDS_ROLLUP_INVALID' });
      t.equal((await put(definition)).status, 200);
      await until('everything to be counted again', COUNTED_MS, async () => (await rollupOf()).events === 3600);
      const state: RollupState = await rollupOf();
      t.match(state, { series: 3, isChosen: true, unreadableRecords: 0 });
      let grouped = await aggregate({ from: '-4h', window: '1d', groupBy: 'host' });
      await until('the query process to have noticed', COUNTED_MS, async () => {
        grouped = await aggregate({ from: '-4h', window: '1d', groupBy: 'host' });
        return !grouped.isComplete;
      });
      t.equal(await total(), 3600 - state.lateEvents, 'without dimensions the overflow is a part of the whole');
      const inGroups = grouped.rows.reduce((sum, { count }) => sum + (count ?? 0), 0);
      t.equal(inGroups + (grouped.overflowEvents ?? 0), 3600 - state.lateEvents);
    },
  );
});
