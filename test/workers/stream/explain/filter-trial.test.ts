import t from 'tap';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { countEvents } from '../../../../workers/stream/explain/event-count.ts';
import {
  aPlan,
  aSample,
  BATCH_ID,
  encodeSample,
  NAMED_SCHEMAS,
  OLDER_ID,
  type Sample,
  SCHEMA_ID,
  slabWith,
  tried,
} from './trial-stage.ts';

const SAMPLES = Array.from({ length: 1000 }, (_, n) => aSample(n));
const EVENTS = SAMPLES.map((sample) => encodeSample(sample));
const foundOn = (filter: string) => tried(filter, EVENTS).found[0];

t.test('each kind of clause that can be looked up says so, and how many values', async (t) => {
  const cases: readonly (readonly [string, object])[] = [
    ['host == "h1"', { kind: 'equality', of: 'host', values: 1 }],
    ['host in ["h1", "h2", "h3"]', { kind: 'equality', of: 'host', values: 3 }],
    ['value == 7.0', { kind: 'equality', of: 'value', values: 1 }],
    ['value > 90.0', { kind: 'range', of: 'value', values: 1 }],
    ['value > 90.0 && value < 95.0', { kind: 'range', of: 'value', values: 1 }],
    ['message.startsWith("message 1")', { kind: 'prefix', of: 'message', values: 1 }],
    ['severity >= ERROR', { kind: 'symbols', of: 'severity', values: 2 }],
    ['labels["region"] == "eu-1"', { kind: 'equality', of: 'labels["region"]', values: 1 }],
    ['has(labels.region)', { kind: 'presence', of: 'labels["region"]', values: 1 }],
  ];
  for (const [filter, access] of cases) {
    t.same(
      foundOn(filter),
      { schemaIds: [SCHEMA_ID], found: 'index', by: [access], residual: [], unindexed: [] },
      filter,
    );
  }
});

t.test('what is tested on candidates only is residual, and the rarest clause leads to them', async (t) => {
  t.match(foundOn('message.contains("2") && host == "h1"'), {
    found: 'index',
    by: [{ of: 'host' }],
    residual: ['message.contains("2")'],
  });
  // A quarter has the severity, one in a hundred the value; without traffic the first would be thought the rarer one.
  t.match(foundOn('severity == INFO && value >= 99.0'), {
    by: [{ kind: 'range', of: 'value' }],
    residual: ['severity == INFO'],
  });
});

t.test('a disjunction is found in all of its ways, or scanned when one of them has no index', async (t) => {
  t.match(foundOn('host == "h1" && message.contains("2") || value > 98.0 || host == "h3"'), {
    found: 'index',
    by: [
      { kind: 'equality', of: 'host', values: 2 },
      { kind: 'range', of: 'value', values: 1 },
    ],
    residual: ['message.contains("2")'],
  });
  t.match(foundOn('host == "h1" || message.contains("2") || message.contains("1")'), {
    found: 'scan',
    by: [],
    residual: ['host == "h1" || message.contains("1") || message.contains("2")'],
    unindexed: ['message.contains("1")', 'message.contains("2")'],
  });
});

t.test('a filter that cannot be true is never tested, and one that takes all is always', async (t) => {
  const nothing = tried('value > 95.0 && value < 90.0', EVENTS);
  t.match(nothing.found, [{ found: 'never', by: [], residual: [] }]);
  t.match(nothing.measured, { events: 1000, matched: 0, tested: 0 });
  const half = foundOn('value > 95.0 && value < 90.0 || value == 3.0');
  t.same(half?.by, [{ kind: 'equality', of: 'value', values: 1 }], 'an alternative that cannot be true is not there');
  const all = tried('', EVENTS);
  t.match(all.found, [{ found: 'scan', by: [], residual: [], unindexed: [] }]);
  t.match(all.measured, { events: 1000, matched: 1000, tested: 1000 });
});

t.test('matches are counted exactly, and tests are those that the index led to', async (t) => {
  const { measured } = tried('host == "h1" && value > 50.0', EVENTS);
  const matches = ({ host, value }: Sample): boolean => host === 'h1' && value > 50;
  t.match(measured, { events: 1000, matched: SAMPLES.filter(matches).length, tested: 100 });
  t.match(tried('message.contains("2")', EVENTS).measured, { tested: 1000, matched: 333 });
});

t.test('writers whose schemas make a difference are told apart, those that do not are one', async (t) => {
  const older = SAMPLES.slice(0, 10).map((sample) => encodeSample(sample, OLDER_ID));
  const batch = encodeSample({ samples: SAMPLES.slice(0, 20) }, BATCH_ID);
  t.match(tried('host == "h1"', [...older, ...EVENTS.slice(0, 50), batch]).found, [
    { schemaIds: [OLDER_ID, SCHEMA_ID, BATCH_ID], found: 'index' },
  ]);
  t.same(
    tried('extra == "some"', [...older, ...EVENTS.slice(0, 50)]).found.map(({ schemaIds, found }) => [
      schemaIds,
      found,
    ]),
    [
      [[SCHEMA_ID], 'index'],
      [[OLDER_ID], 'never'],
    ],
    'the default of a field that the older writer lacks is never "some"',
  );
});

t.test('events before the last ones in a batch record are walked and not counted', async (t) => {
  const batches = [SAMPLES.slice(0, 10), SAMPLES.slice(10, 20)].map((samples) => encodeSample({ samples }, BATCH_ID));
  t.match(tried('host == "h9"', batches, { skips: [0, 9] }).measured, { events: 11, matched: 2 });
  t.match(tried('host == "h8"', batches, { skips: [0, 9] }).measured, { events: 11, matched: 1 });
});

t.test('events that a mandatory filter excludes are as if they were not there', async (t) => {
  const mandatory = 'host == "h1"';
  const combined = 'host == "h1" && message.contains("2")';
  const readable = SAMPLES.filter(({ host }) => host === 'h1');
  const matches = readable.filter(({ message }) => message.includes('2')).length;
  t.match(tried(combined, EVENTS, { mandatory }).measured, { events: 100, matched: matches, tested: 100 });
  const batches = [encodeSample({ samples: SAMPLES.slice(0, 40) }, BATCH_ID)];
  t.match(tried('host == "h1"', batches, { mandatory }).measured, { events: 4, matched: 4 });
  t.match(
    tried('host == "h1"', batches, { mandatory, skips: [3] }).measured,
    { events: 1, matched: 1 },
    'skipped are those that may be read',
  );
});

t.test('of a writer whose schema has not what a mandatory filter asks for nothing is counted', async (t) => {
  const other = {
    schemaId: 9,
    text: JSON.stringify({ type: 'record', name: 'Other', fields: [{ name: 'a', type: 'long' }] }),
  };
  const slab = slabWith([encodeConfluent(9, Uint8Array.of(2)), EVENTS[1] ?? null]);
  const schemas = [...NAMED_SCHEMAS, other];
  t.same([...countEvents({ schemas, slab, mandatory: aPlan('host == "h1"') })], [0, 1]);
  t.same([...countEvents({ schemas, slab })], [1, 1]);
});

t.test('when the first turn takes too long, the oldest records are left out', async (t) => {
  let ms = 0;
  const { measured, records } = tried('host == "h1"', EVENTS.slice(0, 100), {
    nowMs: () => ms++,
    times: { countMs: 30, warmMs: 1, measureMs: 1, settledMs: 0, turnMs: 10 },
  });
  t.ok(records > 10 && records < 50, `${records} records`);
  t.equal(measured?.events, records);
});

t.test('without events it is still said how the filter is found', async (t) => {
  const { found, measured } = tried('severity >= ERROR', [], { schemas: NAMED_SCHEMAS.slice(0, 1) });
  t.match(found, [{ schemaIds: [SCHEMA_ID], found: 'index', by: [{ kind: 'symbols', values: 2 }] }]);
  t.equal(measured, null);
});

t.test('the cost of a filter that decodes text is more than that of one that is looked up', async (t) => {
  const times = { countMs: 60_000, warmMs: 30, measureMs: 60, settledMs: 20, turnMs: 60_000 };
  const scanned = tried('message.matches("2$")', EVENTS, { times }).measured;
  const indexed = tried('host == "h11"', EVENTS, { times }).measured;
  t.ok((scanned?.filterMsPerMillion ?? 0) > (indexed?.filterMsPerMillion ?? 0), 'of scanning');
  t.ok((scanned?.outputMsPerMillion ?? 0) > 0, 'of writing what matched');
  t.ok((indexed?.walkMsPerMillion ?? 0) > 0, 'of walking');
  t.comment(JSON.stringify({ scanned, indexed }));
});

t.test('records are counted; bad ones are told from tombstones', async (t) => {
  const [event = new Uint8Array(0)] = EVENTS;
  const batch = encodeSample({ samples: SAMPLES.slice(0, 7) }, BATCH_ID);
  const unknown = Uint8Array.from([0, 0, 0, 0, 99, 1]);
  const slab = slabWith([event, batch, null, unknown, event.subarray(0, 9), Buffer.from('{}')]);
  t.same([...countEvents({ schemas: NAMED_SCHEMAS, slab })], [1, 7, 0, -1, -1, -1]);
});
