// Reading data as a person does it: `mds aggregate`, `latest`, `recent` and `rollup` against real processes.

import t from 'tap';
import { type Finished, runMds } from '../../client/command/run-mds.ts';
import { TestProducer } from '../harness/producer.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { aReading, READING_SCHEMA, type Reading, send } from './readings.ts';

const COUNTED_MS = 30_000;
const FUNCTIONS = 'count,sum,avg,min,max,p50,p90,p99,rate';

t.setTimeout(180_000);

t.test('aggregates, latest values, recent events and the state of a rollup, by command', async (t) => {
  const service = await startService(t, { workers: 0, edges: 0 });
  const name = `command-${service.namespace.id}`;
  const topic = await service.api.createTopic({ name, partitions: 2, schema: READING_SCHEMA });
  const [rollup, query] = [await service.addRollup({ MDS_ROLLUP_FLUSH_INTERVAL_MS: '100' }), await service.addQuery()];
  await Promise.all([rollup.start(), query.start()]);
  const producer = await TestProducer.connect<Reading>(service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  t.teardown(() => producer.close());
  const atMs = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
  const readings = Array.from({ length: 100 }, (_, i) => aReading(atMs + i, { host: `h${i % 2}`, value: i + 1 }));
  await send(producer, 2, readings);
  const env = { MDS_API_URL: service.controlPlane.httpUrl };
  const mds = (...args: string[]): Promise<Finished> => runMds(args, env);
  const asked = (...args: string[]): Promise<Finished> => mds(...args, '--query', query.httpUrl);
  const json = ({ code, stdout, stderr }: Finished) => {
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  };
  await until(
    'all to be counted',
    COUNTED_MS,
    async () => (await service.api.get<{ events: number }>(`/v1/topics/${name}/rollup`)).events === 100,
  );

  const range = ['--from', new Date(atMs - 3_600_000).toISOString()];
  const whole = json(await asked('aggregate', name, '--functions', FUNCTIONS, '--window', '1h', ...range, '--json'));
  t.equal(whole.rows.length, 1);
  const [{ p50, p90, p99, ...exact }] = whole.rows;
  t.match(exact, { count: 100, sum: 5050, avg: 50.5, min: 1, max: 100, rate: 100 / 3600 });
  for (const [found, wanted] of [
    [p50, 50],
    [p90, 90],
    [p99, 99],
  ]) {
    t.ok(Math.abs(found - wanted) <= wanted * 0.0101, `${found} for ${wanted}`);
  }
  const grouped = await asked(
    'aggregate',
    name,
    '--group-by',
    'host',
    '--window',
    '1d',
    '--filter',
    'host == "h1"',
    ...range,
  );
  t.match(grouped.stdout, /HOST +COUNT\n.* h1 +50\n/);
  t.match(await asked('aggregate', name, '--group-by', 'hots'), { code: 1, stderr: /did you mean host/ });

  t.match((await asked('latest', name, '--group', 'host', '--within', '2h')).stdout, /h0 .* 99\n/);
  const lines = (await asked('recent', name, '--limit', '3', '--filter', 'value > 90.0', '--oldest-first')).stdout;
  t.same(
    lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).host.slice(0, 1)),
    ['h', 'h', 'h'],
  );
  t.match(json(await mds('rollup', name, '--json')), { events: 100, series: 2 });
});
