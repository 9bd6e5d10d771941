// Who comes in at the query process, over HTTP and by WebSocket, and what of a topic they get.

import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { Type } from 'typebox';
import WebSocket from 'ws';
import { httpDoorConfig, loadConfig } from '../../../platform/config.ts';
import { Health } from '../../../platform/health.ts';
import { openDoor } from '../../../platform/http-door/open-door.ts';
import { createLogger } from '../../../platform/log.ts';
import { createMetrics } from '../../../platform/metrics.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { defaultDefinition, seriesKeyOf } from '../../../schemas/rollup/definition.ts';
import { encodeBlock, MINUTE_MICROS } from '../../../schemas/rollup/series-block.ts';
import { createHttpServer } from '../../../workers/query/http-server.ts';
import { LiveQueries } from '../../../workers/query/live/live-queries.ts';
import { RecentService } from '../../../workers/query/recent/recent-service.ts';
import { AggregateService } from '../../../workers/query/rollup/aggregate-service.ts';
import { RollupMemory } from '../../../workers/query/rollup/rollup-memory.ts';
import { type AskedRollup, recordOf } from '../../../workers/query/rollup/rollups.ts';
import { SeriesDirectory } from '../../../workers/query/rollup/series-directory.ts';
import { queryRoutes } from '../../../workers/query/routes/query-routes.ts';
import { aGrant, anIdentity, authenticatorOf, bearer } from '../../control-plane/api/identities.ts';
import { aggregateOf } from '../../schemas/rollup/builders.ts';

const SCHEMA = {
  type: 'record',
  name: 'E',
  fields: [
    { name: 'host', type: 'string' },
    { name: 'value', type: 'double' },
    { name: 'labels', type: { type: 'map', values: 'string' } },
  ],
};
const tenant = anIdentity({}).tenant;
const TOPIC: CatalogTopic = {
  topicId: 1,
  tenant,
  name: 'metrics',
  kafkaTopic: `${tenant}.metrics`,
  deadLetterTopic: `${tenant}.dead-letter`,
  partitions: 1,
  schemaId: 1,
  schema: JSON.stringify(SCHEMA),
};
const NOW_MS = 1_770_000_030_000;
const MINUTE = Math.floor(NOW_MS / 60_000);

const AUTHENTICATOR = authenticatorOf({
  all: anIdentity({ grants: [aGrant(['subscribe'], ['*'])] }),
  shop: anIdentity({
    subject: 'key:2',
    grants: [{ ...aGrant(['subscribe'], ['*']), filter: 'labels["team"] == "shop"' }],
  }),
  few: anIdentity({ subject: 'key:3', grants: [{ ...aGrant(['subscribe'], ['*']), filter: 'value < 3.0' }] }),
  publisher: anIdentity({ subject: 'key:4', grants: [aGrant(['publish'], ['*'])] }),
  other: anIdentity({ tenant: 'globex', subject: 'key:5', grants: [aGrant(['subscribe'], ['*'])] }),
});

/** One minute with 2 events of team shop and 5 of team bank. */
function aRollup(): AskedRollup {
  const record = recordOf(TOPIC);
  const start = MINUTE * MINUTE_MICROS;
  const cell = (series: number, count: number) => {
    const readings = Array.from({ length: count }, (_, i) => ({ value: i, micros: 1 + i }));
    return { series, slot: 0, aggregate: aggregateOf(readings, start) };
  };
  const block = encodeBlock([cell(1, 2), cell(2, 5)], start);
  const load = async () => ({
    seqs: new Map([[0, 1]]),
    blocks: [{ partition: 0, minute: MINUTE, block }],
    secondsFromMinute: 0,
  });
  const series = ['shop', 'bank'].map((team, i): [number, string] => [
    i + 1,
    seriesKeyOf({ fields: ['h'], labels: { team } }),
  ]);
  return {
    rollupId: 1,
    definition: defaultDefinition(record),
    isChosen: false,
    record,
    memory: new RollupMemory({ load }),
    directory: new SeriesDirectory(async (afterId) => series.filter(([id]) => id > afterId)),
  };
}

async function aServer(t: Test) {
  const settings = loadConfig(Type.Object(httpDoorConfig), {});
  const app = await createHttpServer({
    health: new Health(),
    metrics: createMetrics('test'),
    log: createLogger('test', 'silent'),
    errors: { record: () => {} },
    settings: { ...settings, bodyLimitBytes: 10_000 },
    version: '1',
    openDoor: (app) => openDoor(app, { authenticator: AUTHENTICATOR, settings, redis: null, redisPrefix: 'test' }),
  });
  const rollup = aRollup();
  const rollups = { of: async () => rollup };
  const now = (): number => NOW_MS;
  const service = new AggregateService({ rollups, maxRows: 1000, maxAnswerBytes: 100_000, maxKnownRows: 1000, now });
  const limits = { maxReaders: 9, maxReadersPerTenant: 3, maxRows: 100 };
  const current = AUTHENTICATOR.current;
  const live = new LiveQueries({ rollups, service, current, ...limits, now, onBug: (error) => t.fail(String(error)) });
  const recent = new RecentService({ readers: [], schema: async () => null, now });
  const named = async (of: string, name: string): Promise<CatalogTopic> => {
    if (of === tenant && name === TOPIC.name) return TOPIC;
    throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: name, hint: '' });
  };
  queryRoutes(app, { catalog: { named }, service, recent, live });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(async () => {
    live.stop();
    await app.close();
  });
  const { port } = app.server.address() as AddressInfo; // it listens on TCP
  return { app, url: `ws://127.0.0.1:${port}/v1/topics/metrics/aggregate/stream` };
}

t.test('each gets the aggregates of what they may read, and nobody else', async (t) => {
  const { app } = await aServer(t);
  const ask = (who: string, path = 'metrics/aggregate') =>
    app.inject({ url: `/v1/topics/${path}`, headers: bearer(who) });
  const counted = async (who: string) => (await ask(who)).json().rows[0].count;
  t.equal(await counted('all'), 7);
  t.equal(await counted('shop'), 2, 'a row filter on labels of the series holds');
  t.equal(await counted('all'), 7, 'whoever asks in between');
  t.match((await ask('few')).json(), { status: 403, code: 'MDS_ROLLUP_RESTRICTED' });
  t.match((await ask('publisher')).json(), { status: 403, code: 'MDS_FORBIDDEN' });
  t.match((await ask('other')).json(), { status: 404, code: 'MDS_TOPIC_UNKNOWN' }, 'as if it were not there');
  t.match((await app.inject('/v1/topics/metrics/latest')).json(), { status: 401, code: 'MDS_UNAUTHENTICATED' });
  t.equal((await ask('few', 'metrics/recent?filter=nonsense')).statusCode, 422);
  const latest = (await ask('shop', 'metrics/latest')).json();
  t.same(
    latest.rows.map((row: { group: unknown }) => row.group),
    [{ host: 'h', 'labels.team': 'shop' }],
  );
});

t.test('a WebSocket says who it is by header, or in a subprotocol that is not said back', async (t) => {
  const { url } = await aServer(t);
  const offered = `mds.auth.${Buffer.from('shop').toString('base64url')}`;
  const first = async (socket: WebSocket): Promise<unknown[]> => {
    t.teardown(() => socket.terminate());
    const messages: unknown[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.on('message', (data) => {
      if (messages.push(JSON.parse(String(data))) === 2) resolve();
    });
    await promise;
    return messages;
  };
  const byHeader = new WebSocket(url, { headers: bearer('all') });
  t.match(await first(byHeader), [
    { type: 'begin', topic: 'metrics' },
    { type: 'rows', rows: [{ count: 7, revision: 1 }] },
  ]);
  const byProtocol = new WebSocket(url, [offered, 'mds.live']);
  t.match(await first(byProtocol), [{ type: 'begin' }, { type: 'rows', rows: [{ count: 2 }] }]);
  t.equal(byProtocol.protocol, 'mds.live');

  const refusal = (socket: WebSocket): Promise<string> =>
    new Promise((resolve) => {
      t.teardown(() => socket.terminate());
      socket.on('message', (data) => resolve(JSON.parse(String(data)).code));
      socket.on('error', (error) => resolve(error.message));
    });
  t.match(await refusal(new WebSocket(url)), /401/);
  t.match(await refusal(new WebSocket(url, [`mds.auth.${Buffer.from('nobody').toString('base64url')}`])), /401/);
  t.match(await refusal(new WebSocket(url, { headers: bearer('publisher') })), /403/);
  t.equal(await refusal(new WebSocket(url, { headers: bearer('few') })), 'MDS_ROLLUP_RESTRICTED');
  await first(new WebSocket(url, { headers: bearer('all') }));
  t.equal(await refusal(new WebSocket(url, { headers: bearer('all') })), 'MDS_LIVE_TOO_MANY', 'three are open');
  byHeader.send('hello');
  t.equal(await refusal(byHeader), 'MDS_REQUEST_INVALID', 'whoever says something is sent away');
});
