import avsc from 'avsc';
import fc from 'fast-check';
import t from 'tap';
import { schemaDifferences } from '../../../control-plane/topics/schema-differences.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';

const CASES = Number(process.env.MDS_PROPERTY_CASES ?? 1000);

const record = (...fields: object[]) => ({ type: 'record', name: 'Order', fields });
const between = (older: unknown, newer: unknown) =>
  schemaDifferences(parseAvroSchema(older), parseAvroSchema(newer)).map(({ path, kind, breaks }) => [
    path,
    kind,
    breaks,
  ]);

t.test('the same schema has no differences, whatever its docs and order of symbols', async (t) => {
  const level = (symbols: string[]) => record({ name: 'a', type: { type: 'enum', name: 'L', symbols } });
  t.same(between({ ...level(['A', 'B']), doc: 'old' }, level(['B', 'A'])), []);
});

t.test('a field may be added with a default only; what is removed breaks no reader', async (t) => {
  const older = record({ name: 'a', type: 'int' });
  t.same(between(older, record({ name: 'a', type: 'int' }, { name: 'b', type: 'int', default: 0 })), [
    ['b', 'fieldAdded', false],
  ]);
  t.same(between(older, record({ name: 'a', type: 'int' }, { name: 'b', type: 'int' })), [['b', 'fieldAdded', true]]);
  t.same(between(older, record()), [['a', 'fieldRemoved', false]]);
  t.same(between(older, record({ name: 'b', type: 'int', aliases: ['a'] })), [['b', 'fieldRenamed', false]]);
});

t.test('types may be widened along the promotions of Avro and in no other way', async (t) => {
  const of = (type: unknown) => record({ name: 'a', type });
  t.same(between(of('int'), of('long')), [['a', 'typeWidened', false]]);
  t.same(between(of('long'), of('int')), [['a', 'typeChanged', true]]);
  t.same(between(of('string'), of('bytes')), [['a', 'typeWidened', false]]);
  t.same(between(of('int'), of(['null', 'int'])), [['a', 'branchAdded', false]]);
  t.same(between(of(['null', 'int']), of('int')), [['a', 'typeChanged', true]]);
  t.same(between(of({ type: 'long', logicalType: 'timestamp-millis' }), of('long')), [['a', 'meaningChanged', false]]);
});

t.test('a symbol may go when the enum has a default', async (t) => {
  const of = (symbols: string[], more = {}) =>
    record({ name: 'a', type: { type: 'enum', name: 'L', symbols, ...more } });
  t.same(between(of(['A', 'B']), of(['A'])), [['a', 'symbolRemoved', true]]);
  t.same(between(of(['A', 'B']), of(['A'], { default: 'A' })), [['a', 'symbolRemoved', false]]);
  t.same(between(of(['A']), of(['A', 'B'])), [['a', 'symbolAdded', false]]);
});

t.test('differences are found inside nested records, arrays, maps and recursive schemas', async (t) => {
  const inner = (type: string) => ({ type: 'record', name: 'Inner', fields: [{ name: 'x', type }] });
  t.same(between(record({ name: 'a', type: inner('int') }), record({ name: 'a', type: inner('string') })), [
    ['a.x', 'typeChanged', true],
  ]);
  const array = (items: unknown) => record({ name: 'a', type: { type: 'array', items } });
  t.same(between(array('int'), array('string')), [['a', 'typeChanged', true]]);
  const node = (type: string) => record({ name: 'v', type }, { name: 'next', type: ['null', 'Order'], default: null });
  t.same(between(node('int'), node('long')), [['v', 'typeWidened', false]]);
});

t.test('each difference is a sentence that names its field', async (t) => {
  const [difference] = schemaDifferences(
    parseAvroSchema(record()),
    parseAvroSchema(record({ name: 'region', type: 'string' })),
  );
  t.match(difference?.explanation, /^region was added without a default.*\.$/);
});

const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'string', 'bytes'] as const;
const DEFAULTS = { null: null, boolean: true, int: 1, long: 1, float: 1, double: 1, string: 'x', bytes: 'x' } as const;

const primitive = fc.constantFrom(...PRIMITIVES);
const union = fc
  .uniqueArray(fc.constantFrom('null', 'boolean', 'long', 'string'), { minLength: 1, maxLength: 3 })
  .map((branches) => branches as unknown);
const aType = fc.oneof(
  { weight: 3, arbitrary: primitive as fc.Arbitrary<unknown> },
  { weight: 1, arbitrary: union },
  { weight: 1, arbitrary: primitive.map((items) => ({ type: 'array', items })) },
  { weight: 1, arbitrary: primitive.map((values) => ({ type: 'map', values })) },
);
const aField = fc.record({ type: aType, hasDefault: fc.boolean() });
const aRecord = fc.dictionary(fc.constantFrom('a', 'b', 'c'), aField, { maxKeys: 3 }).map((fields) =>
  record(
    ...Object.entries(fields).map(([name, { type, hasDefault }]) => {
      const isPlain = typeof type === 'string' && type in DEFAULTS;
      const value = isPlain ? DEFAULTS[type as keyof typeof DEFAULTS] : undefined;
      return hasDefault && isPlain ? { name, type, default: value } : { name, type };
    }),
  ),
);

t.test('what breaks is what another implementation of Avro cannot resolve', async () => {
  fc.assert(
    fc.property(aRecord, aRecord, (older, newer) => {
      const breaks = schemaDifferences(parseAvroSchema(older), parseAvroSchema(newer)).some((one) => one.breaks);
      const [writer, reader] = [older, newer].map((schema) =>
        avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: true }),
      );
      let isResolved = true;
      try {
        if (writer) reader?.createResolver(writer);
      } catch {
        isResolved = false; // that is the answer
      }
      return breaks === !isResolved;
    }),
    { numRuns: CASES },
  );
});
