// From JSON as people write it to what is encoded: every type of the schema, and every way of getting it wrong.

import avsc from 'avsc';
import t from 'tap';
import { EventReader } from '../../../client/command/event-reader.ts';
import { EventTable } from '../../../client/command/event-table.ts';
import { readLines } from '../../../client/command/lines.ts';
import { RecordWriter } from '../../../client/command/record-writer.ts';
import { formatTable } from '../../../client/command/table.ts';
import { avscTypeOf } from '../../../schemas/avro/decoded-event.ts';
import { eventFromJson } from '../../../schemas/avro/event-json.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { aTopic, EVENT_SCHEMA } from '../../client/test-service.ts';

const SCHEMA = {
  type: 'record',
  name: 'All',
  fields: [
    { name: 's', type: 'string', default: 'd' },
    { name: 'b', type: 'boolean', default: false },
    { name: 'i', type: 'int', default: 0 },
    { name: 'l', type: 'long', default: 0 },
    { name: 'd', type: 'double', default: 0 },
    { name: 'n', type: 'null', default: null },
    { name: 'e', type: { type: 'enum', name: 'E', symbols: ['LOW', 'HIGH'] }, default: 'LOW' },
    { name: 'y', type: 'bytes', default: '' },
    { name: 'f', type: { type: 'fixed', name: 'F', size: 2 }, default: '\u0000\u0000' },
    { name: 'a', type: { type: 'array', items: 'int' }, default: [] },
    { name: 'm', type: { type: 'map', values: 'long' }, default: {} },
    { name: 'o', type: ['null', 'string'], default: null },
    { name: 'free', type: ['null', 'int'] },
    { name: 'u', type: ['null', 'int', 'string'], default: null },
    { name: 'ms', type: { type: 'long', logicalType: 'timestamp-millis' }, default: 0 },
    { name: 'us', type: { type: 'long', logicalType: 'timestamp-micros' }, default: 0 },
    { name: 'day', type: { type: 'int', logicalType: 'date' }, default: 0 },
    { name: 'r', type: { type: 'record', name: 'R', fields: [{ name: 'x', type: 'int' }] }, default: { x: 1 } },
  ],
};
const TYPE = parseAvroSchema(SCHEMA);
const avroType = avscTypeOf<avsc.Type>(avsc, SCHEMA);

function encoded(json: object): Record<string, unknown> {
  if (TYPE.kind !== 'record') throw new Error('not a record');
  const value = eventFromJson(json, TYPE, { index: 'in line 7', line: 7 });
  return avroType.fromBuffer(avroType.toBuffer(value));
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

t.test('values of every type are encoded, and what is missing gets its default', (t) => {
  const json = { s: 'x', b: true, i: -5, l: '9007199254740993', d: 'NaN', n: null, e: 'HIGH', y: 'AQI=', f: 'AwQ=' };
  const more = { a: [1, 2], m: { k: 3 }, o: 'here', free: 4, u: 'text', r: { x: 9 } };
  const value = encoded({ ...json, ...more });
  t.match(value, { s: 'x', b: true, i: -5, l: 9007199254740993n, d: Number.NaN, e: 'HIGH' });
  t.same(
    [value.y, value.f].map((bytes) => [...Buffer.from(bytes as Uint8Array)]),
    [
      [1, 2],
      [3, 4],
    ],
  );
  t.match(value, { a: [1, 2], m: { k: 3 }, o: 'here', free: 4, u: { string: 'text' }, r: { x: 9 } });
  t.match(encoded({}), { s: 'd', e: 'LOW', o: null, free: null, u: null, r: { x: 1 } });
  t.end();
});

t.test('times may be ISO 8601, down to the unit of the schema', (t) => {
  const iso = '2026-01-31T12:00:00.123456Z';
  const ms = Date.parse('2026-01-31T12:00:00.123Z');
  t.match(encoded({ ms: iso, us: iso, day: '2026-01-31' }), {
    ms,
    us: ms * 1000 + 456,
    day: Math.floor(ms / 86_400_000),
  });
  t.match(encoded({ us: '2026-01-31T12:00:00+01:00' }), { us: Date.parse('2026-01-31T11:00:00Z') * 1000 });
  t.match(encoded({ us: ms }), { us: ms });
  t.end();
});

t.test('what does not fit is refused with its place', (t) => {
  const cases: readonly (readonly [unknown, string, RegExp])[] = [
    [[], '$', /not an object/],
    [{ S: 'x' }, '$', /no field S; did you mean s/],
    [{ s: 1 }, '$.s', /not a string/],
    [{ b: 1 }, '$.b', /not a boolean/],
    [{ n: 1 }, '$.n', /not null/],
    [{ i: 1.5 }, '$.i', /whole number/],
    [{ i: 2 ** 31 }, '$.i', /does not fit into int/],
    [{ l: '9223372036854775808' }, '$.l', /does not fit into long/],
    [{ d: 'much' }, '$.d', /not a number/],
    [{ e: 'HIHG' }, '$.e', /none of LOW, HIGH; did you mean HIGH/],
    [{ y: 'ä' }, '$.y', /not base64/],
    [{ f: 'AQ==' }, '$.f', /1 bytes instead of 2/],
    [{ a: 1 }, '$.a', /not a list/],
    [{ a: [1, 'x'] }, '$.a[1]', /whole number/],
    [{ m: 1 }, '$.m', /not an object/],
    [{ m: { 'k y': 'x' } }, '$.m["k y"]', /whole number/],
    [{ u: true }, '$.u', /none of null, int, string/],
    [{ us: 'soon' }, '$.us', /ISO 8601/],
    [{ i: '2026-01-31' }, '$.i', /whole number/],
    [{ r: {} }, '$.r.x', /missing and has no default/],
    [{ s: 'x'.repeat(99), i: 'y'.repeat(99) }, '$.i', /^.{0,140}$/],
  ];
  for (const [json, path, reason] of cases) {
    t.throws(() => encoded(Object(json)), { code: 'MDS_EVENT_INVALID', details: { line: 7, path }, message: reason });
  }
  t.end();
});

t.test('missing ids and times are filled in on request only', (t) => {
  const line = '{"service":"s","host":"h","kind":"LOG","name":"n"}';
  t.throws(() => new EventReader(EVENT_SCHEMA, false, undefined).read(line, 1), {
    code: 'MDS_EVENT_INVALID',
    message: /\$\.id/,
  });
  const filled = new EventReader(EVENT_SCHEMA, true, 'host').read(line, 1);
  t.match(filled, { key: 'h', value: { id: /^[0-9a-f-]{36}$/, tenant: 'default' } });
  t.equal(new EventReader(EVENT_SCHEMA, true, undefined).read('  ', 1), null);
  t.throws(() => new EventReader('string', true, undefined), { code: 'MDS_SCHEMA_NOT_RECORD' });
  t.end();
});

t.test('records are full at their limits, and keys gather apart', async (t) => {
  const produced: (string | null)[] = [];
  const producer = {
    room: () => Promise.resolve(),
    produce: (_topic: string, _partition: null, _value: Uint8Array, key: string | null) => {
      produced.push(key);
      return Promise.resolve({ partition: 0, offset: 0 });
    },
  };
  const writer = new RecordWriter(aTopic('t') as never, producer as never);
  const reader = new EventReader(EVENT_SCHEMA, true, 'host');
  for (let i = 0; i < 1002; i++) {
    const event = reader.read(`{"service":"s","host":"${i % 2 ? 'odd' : 'even'}","kind":"LOG","name":"n"}`, i);
    if (event) await writer.add(event);
  }
  t.same(produced, ['even', 'odd']);
  await writer.close();
  t.match(writer.counts, { events: 1002, records: 4 });
});

t.test('a record that Kafka does not take fails the publishing', async (t) => {
  const failing = { room: () => Promise.resolve(), produce: () => Promise.reject(new Error('no broker')) };
  const writer = new RecordWriter(aTopic('t') as never, failing as never);
  const event = new EventReader(EVENT_SCHEMA, true, undefined).read(
    '{"service":"s","host":"h","kind":"LOG","name":"n"}',
    1,
  );
  if (event) await writer.add(event);
  await t.rejects(writer.close(), /no broker/);
});

t.test('lines keep their numbers across chunks, and a line without end is refused', async (t) => {
  const chunks = async function* (...texts: string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield Buffer.from(text);
  };
  const groups = await collect(readLines(chunks('a\nb', 'c\n\n', 'ä')));
  t.same(
    groups.flat().map(({ number, text }) => [number, text]),
    [
      [1, 'a'],
      [2, 'bc'],
      [3, ''],
      [4, 'ä'],
    ],
  );
  await t.rejects(collect(readLines(chunks('x'.repeat(9_000_000)))), { code: 'MDS_EVENT_INVALID' });
});

t.test('tables cut the widest column first and let no control character through', (t) => {
  const table = formatTable(
    [{ name: 'A' }, { name: 'N', align: 'right' }],
    [['a\u001b[31mb'.padEnd(60, 'x'), '7']],
    30,
  );
  const [header, row] = table.split('\n');
  t.equal(header, `A${' '.repeat(28)}N`);
  t.equal(row?.length, 30);
  t.match(row, /^a \[31mbx+… {2}7$/);
  t.end();
});

t.test('a table of events shows chosen fields, and colours what is grave', (t) => {
  const table = new EventTable(EVENT_SCHEMA, ['severity', 'labels', 'nothing.here', 'value', 'timestamp'], 100, true);
  t.match(table.header(), /SEVERITY/);
  const row = table.row({
    severity: 'ERROR',
    labels: { a: 'b', c: ['d', 1] },
    value: 1 / 3,
    timestamp: 1_790_000_000_000_000,
  });
  t.match(row, /\[31mERROR .*a=b c=d 1.* 0\.333333 .*\d\d:\d\d:\d\d\.000/);
  t.match(new EventTable(EVENT_SCHEMA, null, 10, false).row({ timestamp: 'soon' }), /^soon/);
  t.end();
});
