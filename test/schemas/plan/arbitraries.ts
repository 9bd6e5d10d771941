// Random schemas, writers evolved from them, events and well-typed filters: for every property test that compares an
// evaluator with the model. Values come from small pools, so that constants in filters meet them often.

import fc from 'fast-check';
import type { AvroRecord, AvroType } from '../../../schemas/avro/avro-type.ts';
import { branchName, nullableBranch } from '../../../schemas/avro/avro-type.ts';
import type { DecodedEvent } from '../../../schemas/avro/decoded-event.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { type Choose, KEYS, pick, STRINGS } from './pools.ts';
import { randomFilter } from './random-filter.ts';

export interface Scenario {
  /** The topic's schema, with which plans are made. */
  readonly topic: AvroRecord;
  /** Schema JSON of the writer, for those who encode events. */
  readonly writerJson: unknown;
  readonly writer: AvroRecord;
  readonly events: readonly DecodedEvent[];
  readonly filters: readonly string[];
}

/** @param options.evolved whether the writer's schema may differ from the topic's */
export function scenario(options: {
  readonly evolved: boolean;
  readonly filters?: number;
  readonly events?: number;
}): fc.Arbitrary<Scenario> {
  return fc.gen().map((generate) => {
    const choose: Choose = (count) => generate(fc.nat, { max: count - 1 });
    const fields = randomFields(choose);
    const topic = recordOf({ type: 'record', name: 'test.Event', fields: fields.map(({ topic: field }) => field) });
    const written = fields.flatMap(({ writer }) => (options.evolved ? evolve(writer, choose) : [writer]));
    if (options.evolved && choose(2) === 0) written.reverse();
    const writerJson = {
      type: 'record',
      name: 'test.Event',
      fields: options.evolved ? written : fields.map(({ topic: field }) => field),
    };
    const writer = recordOf(writerJson);
    const count = options.events ?? 5;
    const events = Array.from({ length: count }, () => randomEvent(writer, choose));
    const filters = Array.from({ length: options.filters ?? 3 }, () => randomFilter(topic, choose));
    return { topic, writerJson, writer, events, filters };
  });
}

export function recordOf(json: unknown): AvroRecord {
  const type = parseAvroSchema(json);
  if (type.kind !== 'record') throw new Error('not a record');
  return type;
}

export interface FieldJson {
  readonly name: string;
  readonly type: unknown;
  readonly default?: unknown;
  readonly aliases?: readonly string[];
}
export interface FieldPair {
  readonly topic: FieldJson;
  readonly writer: FieldJson;
}

export const SYMBOLS = ['LOW', 'MID', 'HIGH', 'TOP'];

/** Types of fields with a default of each; `i` keeps the names of named types apart. */
const KINDS: readonly ((i: number) => readonly [type: unknown, fallback: unknown])[] = [
  () => ['boolean', true],
  () => ['int', 1],
  () => ['long', 2],
  () => ['float', 0.5],
  () => ['double', 1],
  () => ['string', 'a'],
  () => ['bytes', 'a'],
  (i) => [{ type: 'enum', name: `Level${i}`, symbols: SYMBOLS }, 'MID'],
  (i) => [{ type: 'fixed', name: `Fixed${i}`, size: 2 }, 'ab'],
  () => [{ type: 'long', logicalType: 'timestamp-millis' }, 0],
  () => [{ type: 'long', logicalType: 'timestamp-micros' }, 0],
  () => [{ type: 'int', logicalType: 'time-millis' }, 1000],
  () => [{ type: 'int', logicalType: 'date' }, 1],
  () => [{ type: 'bytes', logicalType: 'decimal', precision: 5, scale: 2 }, '\u0001'],
  () => [{ type: 'map', values: 'string' }, { a: 'b' }],
  () => [{ type: 'map', values: ['null', 'long'] }, {}],
  () => [{ type: 'array', items: 'int' }, [1, 2]],
  () => [{ type: 'array', items: 'string' }, []],
  (i) => [{ type: 'array', items: { type: 'enum', name: `Item${i}`, symbols: SYMBOLS } }, ['LOW']],
  (i) => [innerRecord(`Inner${i}`, i), { x: 1, s: 'a', e: 'LOW', deep: null }],
  () => [['null', 'boolean'], null],
  () => [['null', 'double'], null],
  () => [['string', 'null'], 'a'],
  () => [['null', 'long'], null],
  (i) => [['null', { type: 'enum', name: `Maybe${i}`, symbols: SYMBOLS }], null],
  (i) => [['null', innerRecord(`MaybeInner${i}`, i)], null],
  () => [['null', 'string', 'long'], null],
  () => [['double', 'long', 'boolean'], 1],
];

const innerRecord = (name: string, i: number): unknown => ({
  type: 'record',
  name,
  fields: [
    { name: 'x', type: 'long', default: 7 },
    { name: 's', type: ['null', 'string'], default: null },
    { name: 'e', type: { type: 'enum', name: `InnerLevel${name}${i}`, symbols: SYMBOLS }, default: 'LOW' },
    {
      name: 'deep',
      type: ['null', { type: 'record', name: `Deep${name}`, fields: [{ name: 'd', type: 'double' }] }],
      default: null,
    },
  ],
});

/** Fields of a topic, each with what a writer of the same age has. */
export function randomFields(choose: Choose): readonly FieldPair[] {
  return Array.from({ length: 2 + choose(6) }, (_, i) => {
    const [type, fallback] = pick(choose, KINDS)(i);
    const name = pick(choose, [`f${i}`, `f${i}`, `field${i}`, i === 0 ? 'namespace' : `g${i}`]);
    const topic: FieldJson = { name, type, ...(choose(2) === 0 ? { default: fallback } : {}) };
    return { topic: choose(4) === 0 ? { ...topic, aliases: [`old_${name}`] } : topic, writer: { name, type } };
  });
}

const PROMOTIONS: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'float', 'double'],
  long: ['int', 'double'],
  float: ['int', 'double'],
  double: ['int', 'long', 'float'],
  string: ['bytes'],
  bytes: ['string'],
};

/** What an older or newer writer may have instead of `field`: nothing, a former name, another type that still reads. */
export function evolve(field: FieldJson, choose: Choose): readonly FieldJson[] {
  const { name, type } = field;
  switch (choose(8)) {
    case 0:
      return [];
    case 1:
      return [{ name: `old_${name}`, type }];
    case 2:
      return [{ name: `extra_${name}`, type: 'string' }, field];
    case 3:
      return [{ name, type: widened(type, choose) }];
    case 4:
    case 5:
      return [{ name, type: promoted(type, choose) }];
    default:
      return [field];
  }
}

export function widened(type: unknown, choose: Choose): unknown {
  const branches: readonly unknown[] = Array.isArray(type) ? type : [type];
  const names = branches.map((branch) =>
    typeof branch === 'object' && branch !== null ? Reflect.get(branch, 'type') : branch,
  );
  const more = ['null', 'boolean', 'string', 'int'].filter((candidate) => !names.includes(candidate));
  return [...branches, pick(choose, more)];
}

function promoted(type: unknown, choose: Choose): unknown {
  if (typeof type === 'string') return type in PROMOTIONS ? pick(choose, PROMOTIONS[type] ?? [type]) : type;
  if (Array.isArray(type)) return type.map((branch) => (type.length === 2 ? promoted(branch, choose) : branch));
  if (typeof type !== 'object' || type === null) return type;
  const kind = Reflect.get(type, 'type');
  if (kind === 'enum')
    return {
      ...type,
      symbols: pick(choose, [
        ['TOP', 'LOW', 'NEW', 'HIGH'],
        ['HIGH', 'MID', 'LOW'],
        [...SYMBOLS, 'NEW'],
      ]),
    };
  const items = Reflect.get(type, 'items');
  // Texts in a list that are not UTF-8 make single items unreadable, of which the model knows nothing.
  if (kind === 'array') return { ...type, items: items === 'string' ? items : promoted(items, choose) };
  if (kind === 'long') return { type: 'long', logicalType: pick(choose, ['timestamp-millis', 'timestamp-micros']) };
  if (kind === 'record') return { ...type, fields: evolvedFields(Reflect.get(type, 'fields'), choose) };
  return type;
}

function evolvedFields(fields: readonly FieldJson[], choose: Choose): readonly FieldJson[] {
  const kept = fields
    .filter(() => choose(4) > 0)
    .map((field) => ({ name: field.name, type: promoted(field.type, choose) }));
  return choose(2) === 0 ? kept.reverse() : kept;
}

export const randomEvent = (writer: AvroRecord, choose: Choose): DecodedEvent =>
  Object.fromEntries(writer.fields.map(({ name, type }) => [name, randomValue(type, choose)]));

const INTS = [0, 1, 2, -1, 5, 7, 100];
const LONGS = [...INTS, 9007199254740991, 9007199254740993n, -(2n ** 63n), 2n ** 63n - 1n];
const DOUBLES = [0, -0, 1, 2, 0.5, -1, 5, 7, 1e300, 9007199254740992, Number.NaN, Number.POSITIVE_INFINITY];
const FLOATS = [0, 1, 2, 0.5, -1, Number.NaN];
export const DAY_MS = 86_400_000;
/** Whole milliseconds in either unit: the library behind the model rounds up below them, we (and CEL) down. */
export const TIMES = [0, 1000, 2000, 1_767_225_600_000, -1000, 1_767_225_603_000];

/** A value of `type` as decoded-event.ts describes it. */
export function randomValue(type: AvroType, choose: Choose): unknown {
  switch (type.kind) {
    case 'null':
      return null;
    case 'boolean':
      return choose(2) === 0;
    case 'int':
      return type.logical?.name === 'time-millis' ? choose(DAY_MS) : pick(choose, INTS);
    case 'long':
      return pick<number | bigint>(choose, type.logical === undefined ? LONGS : TIMES);
    case 'float':
      return pick(choose, FLOATS);
    case 'double':
      return pick(choose, DOUBLES);
    case 'string':
      return pick(choose, STRINGS);
    case 'bytes':
      return pick(
        choose,
        [[], [97], [97, 98], [1, 200], [255]].map((bytes) => Uint8Array.from(bytes)),
      );
    case 'fixed':
      return Uint8Array.from({ length: type.size }, () => choose(3) + 97);
    case 'enum':
      return pick(choose, type.symbols);
    case 'array':
      return Array.from({ length: choose(4) }, () => randomValue(type.items, choose));
    case 'map':
      return Object.fromEntries(
        Array.from({ length: choose(3) }, () => [pick(choose, KEYS), randomValue(type.values, choose)]),
      );
    case 'record':
      return Object.fromEntries(type.fields.map((field) => [field.name, randomValue(field.type, choose)]));
    case 'union': {
      const branch = pick(choose, type.branches);
      const value = randomValue(branch, choose);
      return branch.kind === 'null' || nullableBranch(type) !== undefined ? value : { [branchName(branch)]: value };
    }
  }
}
