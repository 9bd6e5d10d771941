// Which series a filter and a row filter choose, and when the answer is a refusal.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { type Identity, OPEN_IDENTITY } from '../../../schemas/identity/identity.ts';
import { defaultDefinition, type RollupDefinition, type SeriesDimensions } from '../../../schemas/rollup/definition.ts';
import { dimensionNamed } from '../../../workers/query/rollup/dimension.ts';
import { readableSeries } from '../../../workers/query/rollup/readable.ts';
import { RollupMemory } from '../../../workers/query/rollup/rollup-memory.ts';
import type { AskedRollup } from '../../../workers/query/rollup/rollups.ts';
import { SeriesDirectory } from '../../../workers/query/rollup/series-directory.ts';

const SCHEMA = readFileSync(new URL('../../../schemas/avro/events/MonitoringEvent.avsc', import.meta.url), 'utf8');
const record = parseAvroSchema(SCHEMA);
if (record.kind !== 'record') throw new Error('not a record');
const definition = defaultDefinition(record);

const rollupOf = (some: Partial<RollupDefinition> = {}): AskedRollup => ({
  rollupId: 1,
  definition: { ...definition, ...some },
  isChosen: false,
  record,
  memory: new RollupMemory({ load: async () => ({ seqs: new Map(), blocks: [], secondsFromMinute: 0 }) }),
  directory: new SeriesDirectory(async () => []),
});
const aSeries = (labels: Record<string, string>, host = 'web-1'): SeriesDimensions => ({
  fields: ['cpu.usage', 'shop', host, 'METRIC'],
  labels,
});
const restricted = (filter: string): Identity => ({
  ...OPEN_IDENTITY,
  kind: 'key',
  subject: 'key:1',
  roles: [],
  grants: [{ actions: ['subscribe'], topics: ['t'], filter }],
  claims: { team: 'shop' },
});

t.test('a MonitoringEvent has its series by name, service, host, kind and labels', async (t) => {
  t.same(definition, {
    fields: ['name', 'service', 'host', 'kind'],
    labels: 'all',
    value: 'value',
    time: 'timestamp',
    maxSeries: 10_000,
  });
});

t.test('a filter on fields and labels of the series chooses series', async (t) => {
  const { takes } = readableSeries(OPEN_IDENTITY, 't', 'kind == METRIC && labels["zone"] == "a"', rollupOf());
  t.equal(takes?.(aSeries({ zone: 'a' })), true);
  t.equal(takes?.(aSeries({ zone: 'b' })), false);
  t.equal(takes?.(aSeries({})), false, 'an event without the label does not match either');
  const has = readableSeries(OPEN_IDENTITY, 't', '"zone" in labels || host.startsWith("db")', rollupOf()).takes;
  t.same(
    [aSeries({ zone: '' }), aSeries({}), aSeries({}, 'db-1')].map((series) => has?.(series)),
    [true, false, true],
  );
  t.equal(readableSeries(OPEN_IDENTITY, 't', '', rollupOf()).takes, null, 'no filter takes every series');
});

t.test('a filter on anything else is refused, and says what series keep', async (t) => {
  const ask = (filter: string, some?: Partial<RollupDefinition>) => () =>
    readableSeries(OPEN_IDENTITY, 't', filter, rollupOf(some));
  t.throws(ask('value > 3.0'), { code: 'MDS_ROLLUP_FILTER', details: { reads: ['value'] } });
  t.throws(ask('host == "a" || severity >= ERROR'), { code: 'MDS_ROLLUP_FILTER', details: { reads: ['severity'] } });
  t.throws(ask('has(message)'), { code: 'MDS_ROLLUP_FILTER', details: { reads: ['message'] } });
  const some = { labels: ['zone'] };
  t.doesNotThrow(ask('labels["zone"] == "a" && "zone" in labels', some));
  t.throws(ask('labels["rack"] == "a"', some), { code: 'MDS_ROLLUP_FILTER', details: { reads: ['labels.rack'] } });
  t.throws(
    ask('labels.exists(k, k == "a")', some),
    { code: 'MDS_ROLLUP_FILTER', details: { reads: ['labels'] } },
    'all labels are not kept',
  );
  t.doesNotThrow(ask('labels.exists(k, k == "a")'), 'here they are');
});

t.test('who may read some events gets aggregates of exactly their series', async (t) => {
  const identity = restricted('labels["team"] == claims.team');
  const { takes, isUnrestricted } = readableSeries(identity, 't', 'host == "web-1"', rollupOf());
  t.equal(isUnrestricted, false);
  t.equal(takes?.(aSeries({ team: 'shop' })), true);
  t.equal(takes?.(aSeries({ team: 'bank' })), false);
  t.equal(takes?.(aSeries({})), false);
  const everything = readableSeries(identity, 't', '', rollupOf()).takes;
  t.equal(everything?.(aSeries({ team: 'bank' })), false, 'also when nothing is asked for');
});

t.test('when series do not tell which events those are, nothing is answered', async (t) => {
  const ask = (filter: string, some?: Partial<RollupDefinition>) => () =>
    readableSeries(restricted(filter), 't', '', rollupOf(some));
  t.throws(ask('severity < ERROR'), { code: 'MDS_ROLLUP_RESTRICTED' });
  t.throws(ask('labels["team"] == claims.team', { labels: [] }), { code: 'MDS_ROLLUP_RESTRICTED' });
  t.throws(() => readableSeries(restricted('true'), 'other', '', rollupOf()), { code: 'MDS_FORBIDDEN' });
});

t.test('dimensions are fields and labels of the series', async (t) => {
  t.equal(dimensionNamed('host', definition)(aSeries({})), 'web-1');
  t.equal(dimensionNamed('labels.zone', definition)(aSeries({ zone: 'a' })), 'a');
  t.equal(dimensionNamed('labels.toString', definition)(aSeries({})), null);
  t.throws(() => dimensionNamed('severity', definition), { code: 'MDS_ROLLUP_DIMENSION' });
  t.throws(() => dimensionNamed('hots', definition), /did you mean host\?/);
});
