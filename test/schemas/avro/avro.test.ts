// Schemas as a model, and events as avsc decodes them with the shared options.

import avsc from 'avsc';
import fc from 'fast-check';
import t from 'tap';
import { eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { avscTypeOf } from '../../../schemas/avro/decoded-event.ts';
import { avroJsonOf } from '../../../schemas/avro/json.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { scenario } from '../plan/arbitraries.ts';

const plain = (value: unknown): string =>
  JSON.stringify(value, (_key, inner) => {
    if (typeof inner === 'bigint') return `${inner}n`;
    if (typeof inner === 'number') return Number.isFinite(inner) ? inner + 0 : String(inner);
    if (inner?.type === 'Buffer') return Array.from(inner.data);
    return inner instanceof Uint8Array ? Array.from(inner) : inner;
  });

t.test('decoded events have the documented shape, whatever the schema', async (t) => {
  fc.assert(
    fc.property(scenario({ evolved: true, filters: 0 }), ({ writerJson, events }) => {
      const type = avscTypeOf(avsc, writerJson);
      for (const event of events) {
        const encoded = Object.fromEntries(Object.entries(event));
        const decoded = type.fromBuffer(type.toBuffer(withBuffers(encoded)));
        if (plain(decoded) !== plain(encoded)) throw new Error(`${plain(encoded)}\n${plain(decoded)}`);
      }
    }),
    { numRuns: 200 },
  );
  t.pass();
});

function withBuffers(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(withBuffers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withBuffers(inner)]));
}

t.test('normalised schema JSON reads back as the same schema', async (t) => {
  fc.assert(
    fc.property(scenario({ evolved: false, filters: 0, events: 0 }), ({ topic }) => {
      const json = JSON.stringify(avroJsonOf(topic));
      return JSON.stringify(avroJsonOf(parseAvroSchema(json))) === json;
    }),
    { numRuns: 100 },
  );
  t.pass();
});

t.test('a recursive record refers to itself', async (t) => {
  const tree = parseAvroSchema({
    type: 'record',
    name: 'Tree',
    namespace: 'a',
    fields: [{ name: 'next', type: ['null', 'Tree'] }],
  });
  t.equal(tree.kind === 'record' && tree.fields[0]?.type.kind === 'union' && tree.fields[0].type.branches[1], tree);
  t.strictSame(avroJsonOf(tree), {
    type: 'record',
    name: 'a.Tree',
    fields: [{ name: 'next', type: ['null', 'a.Tree'] }],
  });
});

t.test('a batch record leads to the record of its events', async (t) => {
  const item = { type: 'record', name: 'Item', fields: [{ name: 'x', type: 'int' }] };
  const batch = {
    type: 'record',
    name: 'Batch',
    'mds.batch': 'items',
    fields: [{ name: 'items', type: { type: 'array', items: item } }],
  };
  const type = parseAvroSchema(batch);
  if (type.kind !== 'record') return t.fail('not a record');
  t.equal(type.batchField, 'items');
  t.equal(eventSchemaOf(type).name, 'Item');
  t.equal(eventSchemaOf(eventSchemaOf(type)).name, 'Item');
});

const field = (type: unknown, more: object = {}) => ({
  type: 'record',
  name: 'R',
  fields: [{ name: 'f', type, ...more }],
});
for (const [reason, json] of [
  ['not JSON', '{'],
  ['no type named', 'Missing'],
  ['not a type', 5],
  [
    'two fields',
    {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'a', type: 'int' },
        { name: 'a', type: 'int' },
      ],
    },
  ],
  ['not a name', { type: 'record', name: '1R', fields: [] }],
  ['not a name', { type: 'record', name: 'R', fields: [{ name: 'a-b', type: 'int' }] }],
  ['no list of fields', { type: 'record', name: 'R' }],
  ['is not an object', { type: 'record', name: 'R', fields: [5] }],
  ['does not fit', field('int', { default: 'a' })],
  ['does not fit', field({ type: 'enum', name: 'E', symbols: ['A'] }, { default: 'B' })],
  ['no symbols', { type: 'enum', name: 'E', symbols: [] }],
  ['twice', { type: 'enum', name: 'E', symbols: ['A', 'A'] }],
  ['not one of its symbols', { type: 'enum', name: 'E', symbols: ['A'], default: 'B' }],
  ['no size', { type: 'fixed', name: 'F', size: -1 }],
  ['at least one', []],
  ['twice', ['int', 'int']],
  ['another union', [['int'], 'string']],
  ['two types named', field([{ type: 'fixed', name: 'R', size: 1 }])],
  ['mds.batch', { ...field('int'), 'mds.batch': 'f' }],
] as const) {
  t.test(`the schema ${JSON.stringify(json).slice(0, 60)} is refused: ${reason}`, async (t) => {
    t.throws(() => parseAvroSchema(json), { code: 'MDS_SCHEMA_INVALID', message: new RegExp(reason) });
  });
}
