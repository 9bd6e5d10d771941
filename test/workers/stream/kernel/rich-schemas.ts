// Random topics for kernel tests, with writers evolved from them: the fields of the filter tests, and those that are hard
// on a reader of bytes: trees, records in lists in maps, wide unions, fixed of 0 and 1000 bytes, an enum whose index takes
// two bytes, batch records with more in them than events.

import type { AvroRecord } from '../../../../schemas/avro/avro-type.ts';
import {
  evolve,
  type FieldJson,
  type FieldPair,
  randomFields,
  recordOf,
  SYMBOLS,
  widened,
} from '../../../schemas/plan/arbitraries.ts';
import { type Choose, pick } from '../../../schemas/plan/pools.ts';

export interface RichTopic {
  readonly json: unknown;
  readonly type: AvroRecord;
  readonly writers: readonly RichWriter[];
}

export interface RichWriter {
  readonly json: unknown;
  /** Schema of what one Kafka record holds: an event, or a batch of them. */
  readonly type: AvroRecord;
}

export function richTopic(choose: Choose): RichTopic {
  const common = randomFields(choose).map((field) => ({ ...field, isRich: false }));
  const rich = richFields(choose).map((field) => ({ ...field, isRich: true }));
  const fields = [...common, ...rich];
  const json = { type: 'record', name: 'test.Event', fields: fields.map(({ topic }) => topic) };
  const writers: RichWriter[] = [];
  for (let i = 0; i <= choose(2); i++) {
    const written = i === 0 ? fields.map(({ writer }) => writer) : evolved(fields, choose);
    const event = { type: 'record', name: 'test.Event', fields: written };
    writers.push({ json: event, type: recordOf(event) });
    const batch = batchOf(event, choose);
    writers.push({ json: batch, type: recordOf(batch) });
  }
  return { json, type: recordOf(json), writers };
}

function evolved(fields: readonly (FieldPair & { readonly isRich: boolean })[], choose: Choose): readonly FieldJson[] {
  const written = fields.flatMap(({ writer, isRich }) =>
    isRich ? evolvedRich(writer, choose) : evolve(writer, choose),
  );
  return choose(2) === 0 ? written.reverse() : written;
}

function evolvedRich(field: FieldJson, choose: Choose): readonly FieldJson[] {
  switch (choose(6)) {
    case 0:
      return [];
    case 1:
      return [{ name: `old_${field.name}`, type: field.type }];
    case 2:
      return [{ name: field.name, type: widened(field.type, choose) }];
    default:
      return [field];
  }
}

/** Events alone, or with fields before and behind them. */
function batchOf(event: unknown, choose: Choose): unknown {
  const items: FieldJson = { name: 'items', type: { type: 'array', items: event } };
  const before: FieldJson = { name: 'source', type: { type: 'map', values: ['null', 'string', 'long'] } };
  const behind: FieldJson = { name: 'trailer', type: ['null', { type: 'array', items: 'long' }] };
  const fields = [...(choose(2) === 0 ? [before] : []), items, ...(choose(2) === 0 ? [behind] : [])];
  return { type: 'record', name: 'test.Batch', 'mds.batch': 'items', fields };
}

const WIDE_SYMBOLS = Array.from({ length: 200 }, (_, i) => `S${i}`);

const RICH_KINDS: readonly ((i: number) => unknown)[] = [
  () => 'string',
  () => 'string',
  () => ({ type: 'map', values: 'string' }),
  (i) => ({ type: 'enum', name: `Wide${i}`, symbols: WIDE_SYMBOLS }),
  () => 'null',
  () => 'bytes',
  (i) => ({ type: 'fixed', name: `Empty${i}`, size: 0 }),
  (i) => ({ type: 'fixed', name: `Large${i}`, size: 1000 }),
  tree,
  nestedThreeDeep,
  (i) => ({
    type: 'array',
    items: {
      type: 'record',
      name: `Item${i}x`,
      fields: [
        { name: 'n', type: 'int' },
        { name: 'labels', type: { type: 'map', values: 'string' } },
      ],
    },
  }),
  (i) => [
    'null',
    'string',
    'long',
    { type: 'record', name: `Left${i}`, fields: [{ name: 'a', type: 'int' }] },
    { type: 'record', name: `Right${i}`, fields: [{ name: 'b', type: ['null', 'string'] }] },
  ],
  () => ({ type: 'map', values: 'double' }),
  () => ({ type: 'map', values: { type: 'array', items: 'string' } }),
  (i) => ({ type: 'map', values: { type: 'record', name: `Value${i}`, fields: [{ name: 'x', type: 'long' }] } }),
  () => ({ type: 'array', items: ['null', 'string', 'double'] }),
  () => ({ type: 'array', items: { type: 'array', items: 'int' } }),
  (i) => ({ type: 'array', items: { type: 'record', name: `Nothing${i}`, fields: [] } }),
  () => ({ type: 'array', items: 'null' }),
  () => ({ type: 'array', items: 'float' }),
  () => ['null', { type: 'map', values: 'string' }],
  () => ['null', { type: 'long', logicalType: 'timestamp-millis' }],
];

function tree(i: number): unknown {
  return {
    type: 'record',
    name: `Tree${i}`,
    fields: [
      { name: 'name', type: 'string' },
      { name: 'next', type: ['null', `Tree${i}`] },
      { name: 'children', type: { type: 'array', items: `Tree${i}` } },
    ],
  };
}

function nestedThreeDeep(i: number): unknown {
  const leaf = {
    type: 'record',
    name: `Leaf${i}`,
    fields: [
      { name: 'd', type: 'double' },
      { name: 'tags', type: { type: 'array', items: 'string' } },
      { name: 'e', type: { type: 'enum', name: `LeafLevel${i}`, symbols: SYMBOLS } },
      { name: 'm', type: { type: 'map', values: 'string' } },
    ],
  };
  const middle = {
    type: 'record',
    name: `Middle${i}`,
    fields: [
      { name: 'before', type: ['null', 'string'] },
      { name: 'leaf', type: leaf },
      { name: 'n', type: 'int' },
    ],
  };
  return {
    type: 'record',
    name: `Outer${i}`,
    fields: [
      { name: 'middle', type: middle },
      { name: 's', type: 'string' },
    ],
  };
}

function richFields(choose: Choose): readonly FieldPair[] {
  const isWide = choose(10) === 0;
  return Array.from({ length: choose(isWide ? 12 : 4) }, (_, i): FieldPair => {
    const type = pick(choose, RICH_KINDS)(i);
    const name = i === 0 ? pick(choose, ['r0', 'constructor', 'toString']) : `r${i}`;
    return { topic: { name, type }, writer: { name, type } };
  });
}
