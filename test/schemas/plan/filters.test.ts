// Filters as users write them: what they mean, what they share, and what they are told when they are wrong.

import { readFileSync } from 'node:fs';
import t from 'tap';
import type { AvroType } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { compileFilter, compileProjection } from '../../../schemas/plan/evaluate.ts';
import { channelIdOf, checkFilter, makePlan, readPlan } from '../../../schemas/plan/plan.ts';
import { sha256Hex } from '../../../schemas/plan/sha256.ts';

const AVSC = new URL('../../../schemas/avro/events/MonitoringEvent.avsc', import.meta.url);
const schema: AvroType = parseAvroSchema(readFileSync(AVSC, 'utf8'));

const anEvent = (changes: object = {}) => ({
  ...{ id: '1', tenant: 't', service: 'api', host: 'h1', kind: 'METRIC', name: 'cpu.usage', severity: 'ERROR' },
  ...{
    value: 93.5,
    unit: '%',
    timestamp: 1_767_225_600_000_000,
    labels: { region: 'eu-1' },
    message: null,
    traceId: null,
  },
  ...changes,
});
const matches = (filter: string, event = anEvent()): boolean =>
  compileFilter(makePlan({ filter }, schema), schema)(event);

for (const [filter, expected] of [
  ['severity >= WARNING && labels["region"].startsWith("eu-")', true],
  ['severity < ERROR', false],
  ['severity == "ERROR"', true],
  ['kind in [ALERT, METRIC]', true],
  ['value > 90', true],
  ['value + 1.5 == 95.0', true],
  ['labels.zone == "x"', false],
  ['labels.zone != "x"', false],
  ['labels.zone == "x" || host == "h1"', true],
  ['labels["constructor"] != "x"', false],
  ['has(message)', false],
  ['has(labels.region) && !has(labels.zone)', true],
  ['message == null', true],
  ['message.startsWith("x")', false],
  ['!message.startsWith("x")', false],
  [
    'timestamp >= timestamp("2026-01-01T00:00:00Z") && timestamp < timestamp("2026-01-01T00:00:00Z") + duration("1m")',
    true,
  ],
  ['timestamp.getHours("+02:00") == 2', true],
  ['timestamp.getHours("Europe/Berlin") == 1', true],
  ['name.matches("^cpu[.]") && size(name) == 9', true],
  ['labels.exists(key, labels[key] == "eu-1")', true],
  ['labels.exists(a, labels.all(b, a == b && has(labels.region)))', true],
  ['labels.filter(k, k == "region").size() == 1', true],
  ['type(value) == double && dyn(value) > 5 && value != 5u', true],
  ['9223372036854775807 + 1 > 0 || 1 / 0 == 1', false],
  ['event.host == "h1" // a comment', true],
  ['', true],
  ['  ', true],
] as const) {
  t.test(`${filter || 'an empty filter'} is ${expected} for the sample event`, async (t) =>
    t.equal(matches(filter), expected),
  );
}

for (const [one, other] of [
  ['value > 90 && host == "a"', 'host=="a"&&(90 < value)'],
  ['!!(value > 90.0)', 'value > 9e1'],
  ['severity in [ERROR, CRITICAL]', 'severity == "CRITICAL" || ERROR == severity'],
  ['host in ["a"]', '!(host != "a")'],
  ['!(host == "a" || kind == LOG)', 'kind != LOG && host != "a"'],
  ['labels.region == "x"', '"x" == labels["region"]'],
  ['labels.exists(a, a == "x")', 'labels.exists(b, "x" == b)'],
  ['timestamp > timestamp("2026-01-01T01:00:00+01:00")', 'timestamp > timestamp("2026-01-01T00:00:00.000Z")'],
  ['true || host == "a"', ''],
] as const) {
  t.test(`${one} shares a channel with ${other || 'no filter'}`, async (t) => {
    const [a, b] = [one, other].map((filter) => makePlan({ filter }, schema));
    if (a === undefined || b === undefined) throw new Error('no plans');
    t.equal(a.filter, b.filter);
    t.equal(channelIdOf(1, a), channelIdOf(1, b));
    t.not(channelIdOf(1, a), channelIdOf(2, a));
    t.match(channelIdOf(1, a), /^[0-9a-f]{32}$/);
  });
}

t.test('filters that only errors or NaN tell apart keep their own channels', async (t) => {
  for (const [one, other] of [
    ['!(value > 90.0)', 'value <= 90.0'],
    ['labels.a != "x"', '!has(labels.a) || labels.a != "x"'],
    ['has(message)', 'message != ""'],
  ]) {
    t.not(makePlan({ filter: one }, schema).filter, makePlan({ filter: other }, schema).filter);
  }
});

for (const [filter, code, offset, didYouMean] of [
  ['severty > INFO', 'MDS_FILTER_UNKNOWN_FIELD', 0, 'severity'],
  ['severity >= WARNIG', 'MDS_FILTER_UNKNOWN_FIELD', 12, 'WARNING'],
  ['severity == "ERORR"', 'MDS_FILTER_TYPE', 12, 'ERROR'],
  ['host > 1', 'MDS_FILTER_TYPE', 5, undefined],
  ['host == "a" &&\n value + 1 > 2', 'MDS_FILTER_TYPE', 22, undefined],
  ['host', 'MDS_FILTER_NOT_BOOLEAN', 0, undefined],
  ['host = "a"', 'MDS_FILTER_SYNTAX', 5, undefined],
  ['host == "a', 'MDS_FILTER_SYNTAX', 8, undefined],
  ['(host == "a"', 'MDS_FILTER_SYNTAX', 0, undefined],
  ['host == "a")', 'MDS_FILTER_SYNTAX', 11, undefined],
  ['host == "a" and kind == LOG', 'MDS_FILTER_SYNTAX', 12, undefined],
  ['host ==', 'MDS_FILTER_SYNTAX', 7, undefined],
  ['(host == "a"]', 'MDS_FILTER_SYNTAX', 12, undefined],
  ['namespace == "a"', 'MDS_FILTER_SYNTAX', 0, undefined],
  ['host.startWith("a")', 'MDS_FILTER_UNSUPPORTED', 5, 'startsWith'],
  ['timestamp > now', 'MDS_FILTER_UNSUPPORTED', 12, undefined],
  ['timestamp > now()', 'MDS_FILTER_UNSUPPORTED', 12, undefined],
  ['host.matches(name)', 'MDS_FILTER_UNSUPPORTED', 13, undefined],
  ['host.matches("(")', 'MDS_FILTER_BAD_REGEX', 13, undefined],
  ['host.matches("((a{100}){100}){100}")', 'MDS_FILTER_BAD_REGEX', 13, undefined],
  ['kind == null', 'MDS_FILTER_TYPE', 5, undefined],
  ['timestamp > "2026"', 'MDS_FILTER_TYPE', 10, undefined],
  ['timestamp > timestamp("2026")', 'MDS_FILTER_TYPE', 22, undefined],
  ['severity.startsWith("E")', 'MDS_FILTER_TYPE', 0, undefined],
  ['labels[1] == "a"', 'MDS_FILTER_TYPE', 7, undefined],
  ['value == 99999999999999999999', 'MDS_FILTER_TYPE', 9, undefined],
  [`host == "${'x'.repeat(5000)}"`, 'MDS_FILTER_TOO_LONG', 4096, undefined],
  [`${'('.repeat(40)}true${')'.repeat(40)}`, 'MDS_FILTER_TOO_DEEP', 32, undefined],
  [`size(host)${' + 1'.repeat(40)} > 0`, 'MDS_FILTER_TOO_DEEP', 43, undefined],
  [`host in [${'"a",'.repeat(1001)}]`, 'MDS_FILTER_TOO_COSTLY', 8, undefined],
  ['labels.all(a, labels.all(b, labels.all(c, labels.all(d, a + b + c == d))))', 'MDS_FILTER_TOO_COSTLY', 0, undefined],
] as const) {
  t.test(`${filter.slice(0, 60)} is refused with ${code} and the place`, async (t) => {
    const result = checkFilter(filter, schema);
    if (result.ok) return t.fail(`accepted as ${result.canonical}`);
    t.match(result.error, { code, at: { offset } });
    t.equal(result.error.didYouMean, didYouMean);
    t.throws(() => makePlan({ filter }, schema), { code });
  });
}

t.test('a place counts lines and columns from 1', async (t) => {
  const result = checkFilter('host == "a" &&\n  nme == "b"', schema);
  t.match(result, { ok: false, error: { at: { offset: 17, line: 2, column: 3, length: 3 }, didYouMean: 'name' } });
});

t.test('an accepted filter reports its canonical form, fields and cost', async (t) => {
  t.match(checkFilter('90 < value || has(message)', schema), {
    ok: true,
    canonical: 'has(message) || value > 90.0',
    fieldsRead: ['message', 'value'],
  });
});

t.test('a negated clause on a nullable boolean has a canonical form that reads back as itself', async (t) => {
  const record = parseAvroSchema({
    type: 'record',
    name: 'R',
    fields: [
      { name: 'b', type: ['null', 'boolean'] },
      { name: 'x', type: 'int' },
    ],
  });
  for (const filter of ['!(!b && x == 1)', '(!b) == false', '!!b || !!b', '!(!(!b))']) {
    const canonical = makePlan({ filter }, record).filter;
    t.equal(makePlan({ filter: canonical }, record).filter, canonical, filter);
  }
});

t.test('a projection keeps nesting and the order of the writer', async (t) => {
  const plan = makePlan({ fields: ['value', 'name', 'labels.region', 'labels.region'] }, schema);
  t.strictSame(plan.fields, ['labels.region', 'name', 'value']);
  t.equal(compileProjection(plan, schema)(anEvent()), '{"name":"cpu.usage","value":93.5,"labels":{"region":"eu-1"}}');
  t.equal(compileProjection(makePlan({}, schema), schema)(anEvent()), JSON.stringify(anEvent()));
  t.throws(() => makePlan({ fields: ['nmae'] }, schema), {
    code: 'MDS_PROJECTION_UNKNOWN_FIELD',
    details: { didYouMean: 'name' },
  });
  t.throws(() => makePlan({ fields: Array.from({ length: 300 }, () => 'name') }, schema), {
    code: 'MDS_REQUEST_INVALID',
  });
});

t.test('values that JSON lacks are written as documented', async (t) => {
  const fields = [
    ...[
      { name: 'l', type: 'long' },
      { name: 'd', type: 'double' },
      { name: 'b', type: 'bytes' },
    ],
    ...[
      { name: 'u', type: ['null', 'string', 'long'] },
      { name: 's', type: 'string' },
      { name: 'a', type: { type: 'array', items: 'int' } },
    ],
  ];
  const record = parseAvroSchema({ type: 'record', name: 'R', fields });
  const write = compileProjection(makePlan({}, record), record);
  const event = {
    l: 2n ** 60n,
    d: Number.NaN,
    b: Uint8Array.of(1, 2, 3, 4),
    u: { long: 5 },
    s: 'a"\n\u{1f600}',
    a: [1, 2],
  };
  t.equal(write(event), '{"l":"1152921504606846976","d":"NaN","b":"AQIDBA==","u":5,"s":"a\\"\\n\u{1f600}","a":[1,2]}');
  t.equal(write({ ...event, u: null, b: Uint8Array.of(1, 2), d: -0.5 }).includes('"d":-0.5,"b":"AQI=","u":null'), true);
});

t.test('a stored plan that was tampered with is refused', async (t) => {
  const plan = makePlan({ filter: 'host == "a"' }, schema);
  t.throws(() => readPlan({ ...plan, inputs: [] }), { code: 'MDS_PLAN_CORRUPT' });
  t.throws(() => compileFilter({ ...plan, filter: 'host ==' }, schema), { code: 'MDS_PLAN_CORRUPT' });
  t.throws(() => compileFilter(plan, { kind: 'int' }), { code: 'MDS_SCHEMA_NOT_RECORD' });
  t.throws(() => makePlan({}, { kind: 'int' }), MdsError);
});

t.test('SHA-256 gives the digests of the standard', async (t) => {
  t.equal(sha256Hex(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  t.equal(sha256Hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  const long = 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq';
  t.equal(sha256Hex(long), '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1');
});
