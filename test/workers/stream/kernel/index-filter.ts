// Filters of the kind that an index serves, as most subscribers write them: equality, `in`, ranges, prefixes and labels,
// alone, in conjunctions and in disjunctions. Predicates come from a small pool for each topic, so that channels share them.

import type { AvroRecord, AvroType } from '../../../../schemas/avro/avro-type.ts';
import { type CelType, celTypeOf } from '../../../../schemas/plan/types.ts';
import { type Choose, KEYS, pick, STRINGS } from '../../../schemas/plan/pools.ts';

/** @returns draws filters over fields of `record`; '' when it has none that an index serves */
export function indexFilters(record: AvroRecord, choose: Choose): () => string {
  const pool = Array.from({ length: 8 }, () => predicate(record, choose)).filter((text) => text !== '');
  if (pool.length === 0) return () => '';
  return () => {
    const clause = (): string => pick(choose, pool);
    switch (choose(6)) {
      case 0:
        return `${clause()} || ${clause()}`;
      case 1:
        return `${clause()} && ${clause()}`;
      case 2:
        return `(${clause()} || ${clause()}) && ${clause()}`;
      case 3:
        return `${clause()} && !(${clause()})`;
      default:
        return clause();
    }
  };
}

function predicate(record: AvroRecord, choose: Choose): string {
  const places = record.fields.flatMap(({ name, type }) =>
    placesOf(name === 'namespace' ? `event.${name}` : name, type),
  );
  if (places.length === 0) return '';
  const { text, type } = pick(choose, places);
  return predicateOn(text, type, choose);
}

interface Place {
  readonly text: string;
  readonly type: CelType;
}

function placesOf(text: string, type: AvroType): readonly Place[] {
  if (type.kind === 'record' && text.split('.').length < 4) {
    return type.fields.flatMap((field) => placesOf(`${text}.${field.name}`, field.type));
  }
  const celType = celTypeOf(type);
  return INDEXABLE.has(celType.kind) ? [{ text, type: celType }] : [];
}

const INDEXABLE = new Set(['bool', 'int', 'double', 'string', 'enum', 'timestamp', 'map']);
const TEXTS = [...STRINGS, 'abc', 'say "hi"', 'x', 'xx', '\ufffd', 'a\ufffd', 'line\u2028and\u2029paragraph'];
const INTS = [
  '0',
  '1',
  '2',
  '-1',
  '5',
  '7',
  '63',
  '-64',
  '8191',
  '2147483647',
  '9007199254740993',
  '-9223372036854775808',
];
const DOUBLES = ['0.0', '0.5', '1', '-1.0', '1e21', '5e-324', '7', '9007199254740993'];
const TIMES = ['1970-01-01T00:00:00Z', '1970-01-01T00:00:02Z', '2026-01-01T00:00:00Z', '2026-01-01T00:00:03Z'];

function predicateOn(text: string, type: CelType, choose: Choose): string {
  switch (type.kind) {
    case 'bool':
      return pick(choose, [text, `!${text}`, `${text} == false`]);
    case 'int':
      return ordered(text, () => pick(choose, INTS), choose);
    case 'double':
      return ordered(text, () => pick(choose, DOUBLES), choose);
    case 'timestamp':
      return ordered(text, () => `timestamp("${pick(choose, TIMES)}")`, choose);
    case 'enum':
      return ordered(text, () => pick(choose, type.of.symbols), choose);
    case 'string':
      return onText(text, choose);
    case 'map': {
      const key = pick(choose, KEYS);
      const place = `${text}[${JSON.stringify(key)}]`;
      if (choose(6) === 0) return `${JSON.stringify(key)} in ${text}`;
      if (type.of.kind === 'string') return onText(place, choose);
      if (type.of.kind === 'int') return ordered(place, () => pick(choose, INTS), choose);
      return type.of.kind === 'double' ? ordered(place, () => pick(choose, DOUBLES), choose) : '';
    }
    default:
      return '';
  }
}

function onText(text: string, choose: Choose): string {
  const literal = (): string => JSON.stringify(pick(choose, TEXTS));
  if (choose(3) === 0) return `${text}.startsWith(${literal()})`;
  return ordered(text, literal, choose);
}

function ordered(text: string, literal: () => string, choose: Choose): string {
  switch (choose(7)) {
    case 0:
      return `${text} in [${literal()}, ${literal()}, ${literal()}]`;
    case 1:
      return `${text} >= ${literal()} && ${text} < ${literal()}`;
    case 2:
      return `${text} ${pick(choose, ['<', '<=', '>', '>='])} ${literal()}`;
    case 3:
      return `${literal()} != ${text}`;
    default:
      return `${text} == ${literal()}`;
  }
}
