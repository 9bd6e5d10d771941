// Expressions of Lua, made into functions of their scope: operators by precedence, calls, indexing, tables.

import type { Scope } from './scope.ts';
import type { Token } from './tokens.ts';
import { isTrue, LuaTable, type LuaValue, numberOf } from './values.ts';

export type Evaluate = (scope: Scope) => LuaValue;

/** The tokens of a script, taken one by one. */
export class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get token(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '' };
  }

  is(text: string): boolean {
    return this.token.text === text && this.token.kind !== 'string';
  }

  take(): Token {
    const { token } = this;
    this.#at += 1;
    return token;
  }

  takeIf(text: string): boolean {
    if (!this.is(text)) return false;
    this.#at += 1;
    return true;
  }

  expect(text: string): void {
    if (!this.takeIf(text)) throw new Error(`${text} is expected, not ${this.token.text}`);
  }

  mark(): number {
    return this.#at;
  }

  goTo(mark: number): void {
    this.#at = mark;
  }

  name(): string {
    const { kind, text } = this.take();
    if (kind !== 'name') throw new Error(`a name is expected, not ${text}`);
    return text;
  }
}

type Operate = (left: LuaValue, right: LuaValue) => LuaValue;

/** From the loosest to the tightest; `and` and `or` stand apart, since they do not look at both. */
const LEVELS: readonly Readonly<Record<string, Operate>>[] = [
  {
    '==': (a, b) => a === b,
    '~=': (a, b) => a !== b,
    '<': (a, b) => numberOf(a) < numberOf(b),
    '>': (a, b) => numberOf(a) > numberOf(b),
    '<=': (a, b) => numberOf(a) <= numberOf(b),
    '>=': (a, b) => numberOf(a) >= numberOf(b),
  },
  { '..': (a, b) => `${String(a)}${String(b)}` },
  { '+': (a, b) => numberOf(a) + numberOf(b), '-': (a, b) => numberOf(a) - numberOf(b) },
  { '*': (a, b) => numberOf(a) * numberOf(b), '/': (a, b) => numberOf(a) / numberOf(b) },
];

export function expression(reader: Reader): Evaluate {
  let left = conjunction(reader);
  while (reader.takeIf('or')) {
    const [before, right] = [left, conjunction(reader)];
    left = (scope) => {
      const value = before(scope);
      return isTrue(value) ? value : right(scope);
    };
  }
  return left;
}

export function expressions(reader: Reader): Evaluate[] {
  const list = [expression(reader)];
  while (reader.takeIf(',')) list.push(expression(reader));
  return list;
}

function conjunction(reader: Reader): Evaluate {
  let left = operation(reader, 0);
  while (reader.takeIf('and')) {
    const [before, right] = [left, operation(reader, 0)];
    left = (scope) => {
      const value = before(scope);
      return isTrue(value) ? right(scope) : value;
    };
  }
  return left;
}

function operation(reader: Reader, level: number): Evaluate {
  const operators = LEVELS[level];
  if (operators === undefined) return unary(reader);
  let left = operation(reader, level + 1);
  for (;;) {
    const { kind, text } = reader.token;
    const operate = kind === 'sign' && Object.hasOwn(operators, text) ? operators[text] : undefined;
    if (!operate) return left;
    reader.take();
    const [before, right] = [left, operation(reader, level + 1)];
    left = (scope) => operate(before(scope), right(scope));
  }
}

function unary(reader: Reader): Evaluate {
  if (reader.takeIf('not')) {
    const value = unary(reader);
    return (scope) => !isTrue(value(scope));
  }
  if (reader.takeIf('-')) {
    const value = unary(reader);
    return (scope) => -numberOf(value(scope));
  }
  if (reader.takeIf('#')) {
    const value = unary(reader);
    return (scope) => lengthOf(value(scope));
  }
  return suffixed(reader);
}

function lengthOf(value: LuaValue): number {
  if (typeof value === 'string' || value instanceof LuaTable) return value.length;
  throw new Error(`${String(value)} has no length`);
}

/** A name or parenthesis with all that is indexed and called behind it. */
export function suffixed(reader: Reader): Evaluate {
  let value = primary(reader);
  for (;;) {
    const before = value;
    if (reader.takeIf('.')) {
      const key = reader.name();
      value = (scope) => indexed(before(scope), key);
    } else if (reader.takeIf('[')) {
      const key = expression(reader);
      reader.expect(']');
      value = (scope) => indexed(before(scope), key(scope));
    } else if (reader.takeIf('(')) {
      const args = reader.is(')') ? [] : expressions(reader);
      reader.expect(')');
      value = (scope) => {
        const called = before(scope);
        if (typeof called !== 'function') throw new Error(`${String(called)} is no function`);
        return called(args.map((arg) => arg(scope)))[0];
      };
    } else {
      return value;
    }
  }
}

function indexed(value: LuaValue, key: LuaValue): LuaValue {
  if (value instanceof LuaTable) return value.get(key);
  throw new Error(`${String(value)} is indexed with ${String(key)}`);
}

const CONSTANTS: ReadonlyMap<string, LuaValue> = new Map([
  ['nil', undefined],
  ['true', true],
  ['false', false],
]);

function primary(reader: Reader): Evaluate {
  if (reader.takeIf('(')) {
    const value = expression(reader);
    reader.expect(')');
    return value;
  }
  if (reader.takeIf('{')) return table(reader);
  const { kind, text } = reader.take();
  if (kind === 'string') return () => text;
  if (kind === 'number') return () => Number(text);
  if (kind !== 'name') throw new Error(`a value is expected, not ${text}`);
  if (!CONSTANTS.has(text)) return (scope) => scope.get(text);
  const value = CONSTANTS.get(text);
  return () => value;
}

function table(reader: Reader): Evaluate {
  const named: [string, Evaluate][] = [];
  const listed: Evaluate[] = [];
  while (!reader.takeIf('}')) {
    const value = expression(reader);
    // `name = value`: what was read as a value is the name.
    if (reader.takeIf('=')) named.push([nameOf(value), expression(reader)]);
    else listed.push(value);
    if (!reader.takeIf(',')) {
      reader.expect('}');
      break;
    }
  }
  return (scope) => {
    const made = LuaTable.of(listed.map((value) => value(scope)));
    for (const [key, value] of named) made.set(key, value(scope));
    return made;
  };
}

/** Asks the function for the name that it would look up. */
function nameOf(value: Evaluate): string {
  let name = '';
  value({
    get: (asked) => {
      name = asked;
      return undefined;
    },
  } as Scope);
  return name;
}
