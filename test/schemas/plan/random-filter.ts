// Random filters that type-check against a given record: expressions are drawn by the type they must have.

import type { AvroRecord, AvroType } from '../../../schemas/avro/avro-type.ts';
import type { CelType } from '../../../schemas/plan/types.ts';
import { celTypeOf } from '../../../schemas/plan/types.ts';
import { type Choose, KEYS, pick, STRINGS } from './pools.ts';

interface Place {
  readonly text: string;
  readonly type: CelType;
}

/** @returns the text of a filter that reads fields of `record` */
export function randomFilter(record: AvroRecord, choose: Choose): string {
  const places = record.fields.flatMap(({ name, type }) =>
    placesIn(name === 'namespace' ? 'event.namespace' : name, type, choose),
  );
  return new FilterWriter(places, record, choose).bool(2 + choose(2));
}

/** Deepest field that filters read: recursive records (trees) have no deepest one. */
const MAX_PLACE_DEPTH = 5;

/** Expressions that read something in a value, whole or inside. */
function placesIn(text: string, type: AvroType, choose: Choose, depth = 0): readonly Place[] {
  const place: Place = { text, type: celTypeOf(type) };
  if (depth === MAX_PLACE_DEPTH) return [place];
  const bare =
    type.kind === 'union' && type.branches.length === 2 ? type.branches.find(({ kind }) => kind !== 'null') : type;
  switch (bare?.kind) {
    case 'record':
      return [
        place,
        ...bare.fields.flatMap((field) => placesIn(`${text}.${field.name}`, field.type, choose, depth + 1)),
      ];
    case 'array':
      return [place, ...placesIn(`${text}[${choose(3)}]`, bare.items, choose, depth + 1)];
    case 'map':
      return [
        place,
        ...placesIn(
          choose(2) === 0 ? `${text}.region` : `${text}[${JSON.stringify(pick(choose, KEYS))}]`,
          bare.values,
          choose,
          depth + 1,
        ),
      ];
    default:
      return [place];
  }
}

const COMPARE = ['==', '!=', '<', '<=', '>', '>='] as const;
const BYTES = ['b""', 'b"a"', 'b"ab"', 'b"\\xff"'];
const PATTERNS = ['^a', 'b$', 'a.c', '[a-z]+', 'é', '^$', '(a|b)+'];
const TIMESTAMPS = [
  '1970-01-01T00:00:00Z',
  '1970-01-01T00:00:01Z',
  '2026-01-01T00:00:00Z',
  '2026-01-01T02:00:00.123+02:00',
  '1970-01-01T00:00:00.0005Z',
];

class FilterWriter {
  readonly #places: readonly Place[];
  readonly #record: AvroRecord;
  readonly #choose: Choose;

  constructor(places: readonly Place[], record: AvroRecord, choose: Choose) {
    this.#places = places;
    this.#record = record;
    this.#choose = choose;
  }

  bool(depth: number): string {
    if (depth > 0) {
      const inner = () => this.bool(depth - 1);
      switch (this.#choose(8)) {
        case 0:
          return `(${inner()} && ${inner()})`;
        case 1:
          return `(${inner()} || ${inner()} || ${inner()})`;
        case 2:
          return `!(${inner()})`;
        case 3:
          return `(${inner()} && !(${inner()}))`;
        case 4:
          return `(${inner()} ? ${inner()} : ${inner()})`;
        default:
      }
    }
    return this.#leaf(this.#pick(this.#places));
  }

  #pick<T>(items: readonly T[]): T {
    return pick(this.#choose, items);
  }

  #leaf(place: Place): string {
    const { text, type } = place;
    if (type.nullable === true && this.#choose(3) === 0) return `${text} ${this.#pick(['==', '!='])} null`;
    if (this.#choose(12) === 0)
      return `has(${this.#pick(this.#places.filter((other) => !other.text.endsWith(']'))).text})`;
    switch (type.kind) {
      case 'bool':
        return this.#pick([text, `${text} == true`, `${text} != false`, `${text} < ${text}`]);
      case 'int':
      case 'double':
        return this.#number(text, type.kind);
      case 'string':
        return this.#string(text);
      case 'enum':
        return this.#enum(text, type.of.symbols);
      case 'bytes':
        return this.#oriented(text, this.#pick(COMPARE), this.#pick(BYTES));
      case 'timestamp':
        return this.#timestamp(text);
      case 'duration':
        return this.#oriented(
          this.#pick([text, `${text} + duration("1s")`]),
          this.#pick(COMPARE),
          `duration("${this.#pick(['0s', '1s', '12h', '1.5s'])}")`,
        );
      case 'list':
        return this.#list(text, type.of);
      case 'map':
        return this.#map(text, type.of);
      case 'record':
        if (type.of.fields.length === 0) return 'true';
        return `has(${text}.${this.#pick(['x', 's', 'deep'].filter((name) => type.of.fields.some((field) => field.name === name)).concat(type.of.fields.slice(0, 1).map(({ name }) => name)))})`;
      default:
        return `${text} ${this.#pick(['==', '!=', '<', '>='])} ${this.#pick(['1', '"a"', 'true', '0.5', '"LOW"'])}`;
    }
  }

  #oriented(left: string, op: string, right: string): string {
    const flipped: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
    return this.#choose(3) === 0 ? `${right} ${flipped[op] ?? op} ${left}` : `${left} ${op} ${right}`;
  }

  #integer = (): string =>
    this.#pick(['0', '1', '2', '-1', '5', '7', '9007199254740991', '9223372036854775807', '0x10']);
  #double = (): string => this.#pick(['0.0', '1.0', '0.5', '-1.0', '5e0', '1e300', '9007199254740992.0', '-0.0']);

  #number(text: string, kind: 'int' | 'double'): string {
    const same = kind === 'int' ? this.#integer : this.#double;
    const any = () => (this.#choose(2) === 0 ? this.#integer() : this.#double());
    const other = this.#places.filter(({ type }) => type.kind === 'int' || type.kind === 'double');
    switch (this.#choose(8)) {
      case 0:
        return `${text} in [${any()}, ${any()}, ${any()}]`;
      case 1:
        return `${text} ${this.#pick(kind === 'int' ? ['+', '-', '*', '/', '%'] : ['+', '-', '*', '/'])} ${same()} ${this.#pick(COMPARE)} ${any()}`;
      case 2:
        return `-${text} ${this.#pick(COMPARE)} ${same()}`;
      case 3:
        return `${text} ${this.#pick(COMPARE)} ${this.#pick(other).text}`;
      case 4:
        return `${text} == ${any()} || ${text} == ${any()}`;
      case 5:
        return `${this.#pick(kind === 'int' ? ['double', 'int', 'string'] : ['int', 'double'])}(${text}) == ${this.#pick([text, text])}`.replace(
          /^string\((.*)\) == .*/,
          'string($1) == "5"',
        );
      default:
        return this.#oriented(text, this.#pick(COMPARE), any());
    }
  }

  #string(text: string): string {
    const literal = () => JSON.stringify(this.#pick(STRINGS));
    switch (this.#choose(8)) {
      case 0:
        return `${text}.${this.#pick(['startsWith', 'endsWith', 'contains'])}(${literal()})`;
      case 1:
        return `${text}.matches(${JSON.stringify(this.#pick(PATTERNS))})`;
      case 2:
        return `${text} in [${literal()}, ${literal()}, ${literal()}]`;
      case 3:
        return `size(${text}) ${this.#pick(COMPARE)} ${this.#pick(['0', '1', '2'])}`;
      case 4:
        return `${text} + ${literal()} == ${literal()}`;
      case 5:
        return `(${text} == ${literal()} || ${text} == ${literal()})`;
      default:
        return this.#oriented(text, this.#pick(COMPARE), literal());
    }
  }

  #enum(text: string, symbols: readonly string[]): string {
    const symbol = () => this.#pick(symbols);
    switch (this.#choose(6)) {
      case 0:
        return `${text} in [${symbol()}, ${symbol()}]`;
      case 1:
        return `${text} == "${symbol()}"`;
      case 2:
        return `string(${text}).startsWith("${this.#pick(['L', 'H'])}")`;
      case 3:
        return `${text} == (${this.bool(0)} ? ${symbol()} : ${symbol()})`;
      default:
        return this.#oriented(text, this.#pick(COMPARE), symbol());
    }
  }

  #timestamp(text: string): string {
    const literal = () => `timestamp("${this.#pick(TIMESTAMPS)}")`;
    const others = this.#places.filter(({ type }) => type.kind === 'timestamp');
    switch (this.#choose(6)) {
      case 0:
        return `${text}.${this.#pick(['getFullYear', 'getMonth', 'getHours', 'getDayOfWeek', 'getMilliseconds', 'getDayOfYear'])}() >= ${this.#choose(3)}`;
      case 1:
        return `${text} + duration("${this.#pick(['1s', '1h', '-1ms'])}") ${this.#pick(COMPARE)} ${literal()}`;
      case 2:
        return `${text} - ${literal()} > duration("1h")`;
      case 3:
        return `${text} ${this.#pick(COMPARE)} ${this.#pick(others).text}`;
      default:
        return this.#oriented(text, this.#pick(COMPARE), literal());
    }
  }

  #list(text: string, of: CelType): string {
    const item: Place = { text: 'item', type: of };
    const inner = new FilterWriter([item], this.#record, this.#choose);
    switch (this.#choose(5)) {
      case 0:
        return `size(${text}) > ${this.#choose(3)}`;
      case 1:
        return `${this.#literal(of)} in ${text}`;
      case 2:
        return `${text}.filter(item, ${inner.bool(0).replace(/has\(item\)/g, 'true')}).size() > 0`;
      default:
        return `${text}.${this.#pick(['exists', 'all', 'exists_one'])}(item, ${inner.bool(1).replace(/has\(item\)/g, 'true')})`;
    }
  }

  #literal(type: CelType): string {
    if (type.kind === 'int') return this.#integer();
    if (type.kind === 'enum') return this.#pick(type.of.symbols);
    return JSON.stringify(this.#pick(STRINGS));
  }

  #map(text: string, of: CelType): string {
    const key = JSON.stringify(this.#pick(KEYS));
    switch (this.#choose(5)) {
      case 0:
        return `${key} in ${text}`;
      case 1:
        return `size(${text}) == ${this.#choose(3)}`;
      case 2:
        return `${text}.exists(k, k.startsWith("r") && ${text}[k] != ${of.kind === 'string' ? '"a"' : '1'})`;
      case 3:
        return `has(${text}.region)`;
      default:
        return `${text}[${key}] == ${of.kind === 'string' ? JSON.stringify(this.#pick(STRINGS)) : this.#integer()}`;
    }
  }
}
