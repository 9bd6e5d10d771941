// What a hostile producer would try: each record is refused with the code that says what is wrong, quickly, and the
// record behind it is delivered.

import t from 'tap';
import { parseAvroSchema } from '../../../../schemas/avro/parse.ts';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { beforeRecord } from '../../../../schemas/cursor.ts';
import { makePlan } from '../../../../schemas/plan/plan.ts';
import { channelId, KernelDriver } from './kernel-driver.ts';
import { encodeEvent, textOf } from './ticks.ts';

const WRITER_ID = 9;

interface Verdict {
  /** Of the reject; 'fine' when the record was delivered. */
  readonly code: string;
  readonly events: readonly string[];
  readonly cpuMs: number;
}

/** What becomes of a record of `schema`, which is a field type or a whole record, when somebody wants all of it. */
function verdictOn(schema: unknown, body: readonly number[] | Uint8Array): Verdict {
  const isRecord = Reflect.get(Object(schema), 'type') === 'record';
  const writer = isRecord ? schema : { type: 'record', name: 'Given', fields: [{ name: 'f', type: schema }] };
  const driver = new KernelDriver();
  driver.schema(WRITER_ID, writer);
  driver.open(0, beforeRecord(0));
  driver.add('a', channelId(1), makePlan({}, parseAvroSchema({ type: 'record', name: 'Any', fields: [] })));
  const before = process.cpuUsage();
  const { rejects, envelopes, eventCount } = driver.run([
    { offset: 0, value: encodeConfluent(WRITER_ID, Uint8Array.from(body)) },
    { offset: 1, value: encodeEvent(1, 'next') },
  ]);
  const cpuMs = process.cpuUsage(before).user / 1000;
  const texts = envelopes.flatMap(({ events }) => events.map(({ bytes }) => Buffer.from(bytes).toString()));
  const next = texts.pop();
  if (next !== textOf(1, 'next')) throw new Error(`the next record was not delivered but ${next}`);
  if (rejects.length > 1 || eventCount !== texts.length + 1) throw new Error('the books do not balance');
  return { code: rejects[0]?.code ?? 'fine', events: texts, cpuMs };
}

const list = (items: unknown): unknown => ({ type: 'array', items });
const map = (values: unknown): unknown => ({ type: 'map', values });
const HUGE = [0xfe, 0xff, 0xff, 0xff, 0x1f]; // 2^32 - 1, zigzag
const HUGER = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]; // 2^63 - 1
const LEAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]; // -2^63
const NOTHING = { type: 'record', name: 'Nothing', fields: [] };
const NEST = { type: 'record', name: 'Nest', fields: [{ name: 'inner', type: ['null', 'Nest'] }] };
const TREE = { type: 'record', name: 'Tree', fields: [{ name: 'children', type: list('Tree') }] };
const BATCH = {
  type: 'record',
  name: 'Batch',
  'mds.batch': 'items',
  fields: [{ name: 'items', type: list({ type: 'record', name: 'Item', fields: [{ name: 's', type: 'string' }] }) }],
};

const TRUNCATED = 'MDS_RECORD_TRUNCATED';
const CORRUPT = 'MDS_RECORD_CORRUPT';
const TRAILING = 'MDS_RECORD_TRAILING_BYTES';

for (const [what, schema, body, code] of [
  ['a length of four billion', 'string', HUGE, TRUNCATED],
  ['a length of 2^63 - 1', 'string', HUGER, TRUNCATED],
  ['a length of -2^63', 'bytes', LEAST, 'any'],
  ['a count of four billion', list('int'), HUGE, TRUNCATED],
  ['a count of 2^63 - 1', list('string'), HUGER, TRUNCATED],
  ['a count of -2^63 in a block of two bytes', list('int'), [...LEAST, 4, 2, 2, 0], 'any'],
  ['four billion items without bytes', list('null'), [...HUGE, 0], CORRUPT],
  ['2^63 - 1 empty records', list(NOTHING), [...HUGER, 0], CORRUPT],
  ['four billion entries of a map', map('null'), HUGE, TRUNCATED],
  ['a negative length', 'bytes', [1], CORRUPT],
  ['a key of negative length', map('int'), [2, 1, 0], CORRUPT],
  ['a branch there is not', ['null', 'int'], [4], CORRUPT],
  ['a negative branch', ['null', 'int'], [1], CORRUPT],
  ['a branch of 2^63 - 1', ['null', 'int'], HUGER, CORRUPT],
  ['a symbol there is not', { type: 'enum', name: 'E', symbols: ['A'] }, [2], CORRUPT],
  ['a negative symbol', { type: 'enum', name: 'E', symbols: ['A'] }, [1], CORRUPT],
  ['a boolean of 2', 'boolean', [2], CORRUPT],
  ['no boolean', 'boolean', [], TRUNCATED],
  ['half a float', 'float', [1, 2], TRUNCATED],
  ['seven bytes of a double', 'double', [1, 2, 3, 4, 5, 6, 7], TRUNCATED],
  ['two bytes of a fixed of three', { type: 'fixed', name: 'F', size: 3 }, [1, 2], TRUNCATED],
  ['a number cut short', 'long', [0x80], TRUNCATED],
  ['a number without end', 'long', Array(11).fill(0x80), CORRUPT],
  ['a long of more than 64 bits', 'long', [...Array(9).fill(0xff), 0x7f], CORRUPT],
  ['an int of more than 32 bits', 'int', [0xff, 0xff, 0xff, 0xff, 0x7f], CORRUPT],
  ['an int of more than five bytes', 'int', [0x80, 0x80, 0x80, 0x80, 0x80], CORRUPT],
  ['a count of more than ten bytes', list('int'), Array(12).fill(0x80), CORRUPT],
  ['a block that says too many bytes', list('int'), [1, 4, 5, 0, 0], CORRUPT],
  ['a block that says too few bytes', list('int'), [3, 2, 5, 5, 0], CORRUPT],
  ['a block that ends outside', list('int'), [1, 100, 5, 0], TRUNCATED],
  ['a block of negative length', list('int'), [1, 1, 5, 0], CORRUPT],
  ['blocks without an end', list('int'), Array(999).fill(2), TRUNCATED],
  ['a byte too many', 'int', [2, 7], TRAILING],
  ['nesting without end', NEST, [...Array(60_000).fill(2), 0], CORRUPT],
  ['a tree without end', TREE, Array(60_000).fill(2), CORRUPT],
  ['a tree of blocks that say lengths without end', TREE, Array(30_000).fill([1, 126]).flat(), 'any'],
  ['a batch whose last event is cut', BATCH, [4, 2, 97, 4, 98], TRUNCATED],
  ['a batch with a byte too many', BATCH, [2, 2, 97, 0, 0], TRAILING],
  ['a batch of four billion', BATCH, [...HUGE, 2, 97], TRUNCATED],
] as const) {
  t.test(`${what} is refused without being believed`, async (t) => {
    const verdict = verdictOn(schema, body);
    if (code === 'any') t.match(verdict.code, /^MDS_RECORD_(CORRUPT|TRUNCATED)$/);
    else t.equal(verdict.code, code);
    t.same(verdict.events, [], 'no event comes of it');
    t.ok(verdict.cpuMs < 1000, `${verdict.cpuMs} ms`);
  });
}

t.test('unusual but right is no reason to refuse', async (t) => {
  t.same(verdictOn(list('int'), [1, 2, 5, 0]).events, ['{"f":[-3]}'], 'a block that says its length');
  t.same(verdictOn(list('int'), [3, 4, 2, 4, 2, 6, 0]).events, ['{"f":[1,2,3]}'], 'two blocks');
  t.same(verdictOn('long', [...Array(9).fill(0x80), 0]).events, ['{"f":0}'], 'a number longer than it need be');
  t.same(verdictOn('int', [0x82, 0x80, 0]).events, ['{"f":1}'], 'and an int');
  t.equal(verdictOn(NEST, [...Array(20).fill(2), 0]).code, 'fine');
  t.equal(verdictOn(list('null'), [0xd0, 0x0f, 0]).events[0]?.length, '{"f":[]}'.length + 1000 * 5 - 1);
  t.same(verdictOn({ type: 'fixed', name: 'F', size: 0 }, []).events, ['{"f":""}']);
  t.same(verdictOn(NOTHING, []).events, ['{}'], 'an event of no bytes');
  t.same(verdictOn(BATCH, [0]).events, [], 'a batch of none');
  t.same(verdictOn(BATCH, [1, 4, 2, 97, 2, 2, 98, 0]).events, ['{"s":"a"}', '{"s":"b"}']);
});

t.test('text that is not UTF-8 is delivered as valid JSON, with replacement characters', async (t) => {
  for (const [bytes, text] of [
    [[0xff], '\ufffd'],
    [[0x61, 0xe2, 0x82, 0x62], 'a\ufffdb'],
    [[0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'],
    [[0x22, 0x80, 0x5c], '"\ufffd\\'],
  ] as const) {
    const { events } = verdictOn('string', [bytes.length * 2, ...bytes]);
    t.same(JSON.parse(events[0] ?? ''), { f: text });
  }
});
