// Whoever has a filter in their grants sees the rows that it lets through and no others, whichever way they ask: recent events,
// latest values, aggregates, and live ones over both transports.

import t, { type Test } from 'tap';
import WebSocket from 'ws';
import { ask, GuardedService } from '../../security/harness/guarded-service.ts';
import { until } from '../harness/until.ts';
import { READING_SCHEMA } from './readings.ts';

const COUNTED_MS = 30_000;
const TEAMS = ['shop', 'bank'] as const;
const EVENTS = { shop: 3, bank: 5 } as const;

t.setTimeout(120_000);

t.test('a row filter holds for recent, latest, aggregated and live data', async (t) => {
  const guarded = await GuardedService.start(t);
  const { service } = guarded;
  const [ingest, rollup, query] = [
    await service.addIngest(),
    await service.addRollup({ MDS_ROLLUP_FLUSH_INTERVAL_MS: '100' }),
    await service.addQuery(),
  ];
  await Promise.all([ingest, rollup, query].map((process) => process.start()));
  const tenant = await guarded.newTenant('rows');
  const grantOf = (filter?: string) => ({
    actions: ['publish', 'subscribe'],
    topics: ['*'],
    ...(filter ? { filter } : {}),
  });
  const admin = await guarded.newKey({ tenant, roles: ['admin'], grants: [grantOf()] });
  const teamFilter = 'labels["team"] == claims.team';
  const shop = await guarded.newKey({ tenant, grants: [grantOf(teamFilter)], claims: { team: 'shop' } });
  const valued = await guarded.newKey({ tenant, grants: [grantOf('value < 100.0')] });
  await guarded.must(
    'POST',
    '/v1/topics',
    { name: 'readings', partitions: 2, schema: READING_SCHEMA },
    admin.credential,
  );
  const keys = [admin, shop, valued];
  await Promise.all(
    keys.map(({ credential }) =>
      until('the door to know the key', COUNTED_MS, async () => {
        const { status } = await ask(query.httpUrl, 'GET', '/v1/topics/readings/recent', { credential });
        return status === 200;
      }),
    ),
  );

  const nowMs = Date.now();
  const events = TEAMS.flatMap((team) =>
    Array.from({ length: EVENTS[team] }, (_, i) => ({
      ...{
        name: 'cpu',
        host: `${team}-host`,
        value: team === 'shop' ? i : 1000 + i,
        timestamp: new Date(nowMs + i).toISOString(),
      },
      labels: { team },
    })),
  );
  await until('the events to be taken', COUNTED_MS, async () => {
    const { status, text } = await ask(ingest.httpUrl, 'POST', '/v1/topics/readings/events', {
      body: events,
      credential: admin.credential,
    });
    if (status !== 200 && status !== 401) t.fail(text);
    return status === 200;
  });
  const get = async (credential: string, path: string) => {
    const { status, text } = await ask(query.httpUrl, 'GET', `/v1/topics/readings/${path}`, { credential });
    return { status, ...JSON.parse(text) };
  };
  const total = async (credential: string, search = ''): Promise<number> => {
    const { rows = [] } = await get(credential, `aggregate?from=-10m${search}`);
    return rows.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
  };
  await until('all to be counted', COUNTED_MS, async () => (await total(admin.credential)) === 8);

  t.equal(await total(shop.credential), 3, 'aggregates');
  t.equal(
    await total(shop.credential, `&filter=${encodeURIComponent('labels["team"] == "bank" || true')}`),
    3,
    'whatever is asked',
  );
  t.equal(await total(admin.credential), 8, 'answers are not shared between who may read and who may not');
  const latest = await get(shop.credential, 'latest');
  t.match(latest.rows, [{ group: { 'labels.team': 'shop' }, value: 2 }]);
  t.equal(latest.rows.length, 1);

  const recent = await get(shop.credential, 'recent?order=oldest');
  t.same(
    recent.events.map(({ event }: { event: { value: number } }) => event.value),
    [0, 1, 2],
  );
  const asked = await get(
    shop.credential,
    `recent?filter=${encodeURIComponent('value > 1.0 || labels["team"] == "bank"')}`,
  );
  t.same(
    asked.events.map(({ event }: { event: { value: number } }) => event.value),
    [2],
  );
  t.equal((await get(admin.credential, 'recent')).events.length, 8);
  const page = await get(admin.credential, 'recent?order=oldest&limit=1');
  const rest = await get(shop.credential, `recent?limit=100&cursor=${page.cursor}`);
  t.ok(
    rest.events.every(({ event }: { event: { labels: { team: string } } }) => event.labels.team === 'shop'),
    "another's cursor opens nothing",
  );

  t.same(
    (await get(valued.credential, 'recent')).events
      .map(({ event }: { event: { value: number } }) => event.value)
      .sort(),
    [0, 1, 2],
    'recent events take any filter',
  );
  for (const path of ['aggregate', 'latest', 'aggregate/stream']) {
    t.match(
      await get(valued.credential, path),
      { status: 403, code: 'MDS_ROLLUP_RESTRICTED' },
      `${path}: series do not tell`,
    );
  }

  const url = `${query.httpUrl}/v1/topics/readings/aggregate/stream?groupBy=labels.team&window=1m`;
  const stream = await firstRows(t, url, shop.credential);
  t.match(stream, [{ group: { 'labels.team': 'shop' }, count: 3 }]);
  t.equal(stream.length, 1);
  const socket = new WebSocket(url.replace('http', 'ws'), { headers: { authorization: `Bearer ${shop.credential}` } });
  t.teardown(() => socket.terminate());
  const rows = await new Promise<unknown[]>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data) => {
      const message = JSON.parse(String(data));
      if (message.type === 'rows') resolve(message.rows);
    });
  });
  t.same(rows, stream, 'and over a WebSocket');
});

async function firstRows(t: Test, url: string, credential: string): Promise<object[]> {
  const stopping = new AbortController();
  t.teardown(() => stopping.abort());
  const answer = await fetch(url, { headers: { authorization: `Bearer ${credential}` }, signal: stopping.signal });
  let text = '';
  for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const rows = /^data: (\{"type":"rows".*)$/m.exec(text)?.[1];
    if (rows !== undefined && text.includes('\n\n', text.indexOf(rows))) return JSON.parse(rows).rows;
  }
  throw new Error(`the stream ended: ${text}`);
}
