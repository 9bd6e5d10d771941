// Runs the scripts that the service gives to Redis: the part of Lua they are written in, one step as in Redis.

import { type Evaluate, expression, expressions, Reader, suffixed } from './expressions.ts';
import { Scope } from './scope.ts';
import { tokensOf } from './tokens.ts';
import {
  fromJson,
  fromRedis,
  isTrue,
  type LuaFunction,
  LuaTable,
  type LuaValue,
  numberOf,
  toJson,
  toRedis,
} from './values.ts';

export type RedisCall = (name: string, args: readonly string[]) => unknown;

/** What `return` gave; null: it was not met. */
type Outcome = readonly LuaValue[] | null;
type Statement = (scope: Scope) => Outcome;

const parsed = new Map<string, Statement>();

export function runScript(script: string, keys: readonly string[], args: readonly string[], call: RedisCall): unknown {
  let body = parsed.get(script);
  if (!body) {
    body = block(new Reader(tokensOf(script)), ['']);
    parsed.set(script, body);
  }
  const globals = new Scope(null);
  globals.declare('KEYS', LuaTable.of(keys));
  globals.declare('ARGV', LuaTable.of(args));
  for (const [name, value] of libraryOf(call)) globals.declare(name, value);
  return toRedis(body(globals)?.[0]);
}

function libraryOf(call: RedisCall): [string, LuaValue][] {
  const module = (functions: Readonly<Record<string, (...args: LuaValue[]) => LuaValue>>): LuaTable => {
    const table = new LuaTable();
    for (const [name, run] of Object.entries(functions)) table.set(name, (args) => [run(...args)]);
    return table;
  };
  const toNumber: LuaFunction = ([value]) => {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    return [typeof number === 'number' && !Number.isNaN(number) ? number : undefined];
  };
  return [
    ['redis', module({ call: (name, ...args) => fromRedis(call(String(name).toLowerCase(), args.map(String))) })],
    [
      'cjson',
      module({
        decode: (text) => fromJson(JSON.parse(String(text))),
        encode: (value) => JSON.stringify(toJson(value)),
      }),
    ],
    [
      'math',
      module({
        floor: (value) => Math.floor(numberOf(value)),
        min: (...values) => Math.min(...values.map(numberOf)),
        max: (...values) => Math.max(...values.map(numberOf)),
      }),
    ],
    ['tonumber', toNumber],
    ['tostring', ([value]) => [String(value)]],
  ];
}

function block(reader: Reader, ends: readonly string[]): Statement {
  const statements: Statement[] = [];
  while (!ends.some((end) => (end === '' ? reader.token.kind === 'end' : reader.is(end)))) {
    statements.push(statement(reader));
    reader.takeIf(';');
  }
  return (outer) => {
    const scope = new Scope(outer);
    for (const run of statements) {
      const outcome = run(scope);
      if (outcome !== null) return outcome;
    }
    return null;
  };
}

function statement(reader: Reader): Statement {
  if (reader.takeIf('local')) return reader.takeIf('function') ? localFunction(reader) : local(reader);
  if (reader.takeIf('if')) return conditional(reader);
  if (reader.takeIf('for')) return loop(reader);
  if (reader.takeIf('return')) {
    const values = reader.is('end') || reader.is('else') || reader.token.kind === 'end' ? [] : expressions(reader);
    return (scope) => values.map((value) => value(scope));
  }
  return assignmentOrCall(reader);
}

function local(reader: Reader): Statement {
  const names = [reader.name()];
  while (reader.takeIf(',')) names.push(reader.name());
  const values = reader.takeIf('=') ? expressions(reader) : [];
  return (scope) => {
    const given = values.map((value) => value(scope));
    for (const [i, name] of names.entries()) scope.declare(name, given[i]);
    return null;
  };
}

function localFunction(reader: Reader): Statement {
  const name = reader.name();
  const parameters: string[] = [];
  reader.expect('(');
  while (!reader.takeIf(')')) {
    parameters.push(reader.name());
    reader.takeIf(',');
  }
  const body = block(reader, ['end']);
  reader.expect('end');
  return (scope) => {
    scope.declare(name, (args: readonly LuaValue[]) => {
      const inner = new Scope(scope);
      for (const [i, parameter] of parameters.entries()) inner.declare(parameter, args[i]);
      return body(inner) ?? [];
    });
    return null;
  };
}

function conditional(reader: Reader): Statement {
  const branches: { readonly condition: Evaluate; readonly body: Statement }[] = [];
  let otherwise: Statement | null = null;
  do {
    const condition = expression(reader);
    reader.expect('then');
    branches.push({ condition, body: block(reader, ['elseif', 'else', 'end']) });
  } while (reader.takeIf('elseif'));
  if (reader.takeIf('else')) otherwise = block(reader, ['end']);
  reader.expect('end');
  return (scope) => {
    for (const { condition, body } of branches) if (isTrue(condition(scope))) return body(scope);
    return otherwise?.(scope) ?? null;
  };
}

function loop(reader: Reader): Statement {
  const name = reader.name();
  reader.expect('=');
  const [first, last, step] = expressions(reader);
  reader.expect('do');
  const body = block(reader, ['end']);
  reader.expect('end');
  return (scope) => {
    const [from, to] = [numberOf(first?.(scope)), numberOf(last?.(scope))];
    const by = step ? numberOf(step(scope)) : 1;
    for (let i = from; by > 0 ? i <= to : i >= to; i += by) {
      const inner = new Scope(scope);
      inner.declare(name, i);
      const outcome = body(inner);
      if (outcome !== null) return outcome;
    }
    return null;
  };
}

/** `name = value`, `table[key] = value`, or a call. */
function assignmentOrCall(reader: Reader): Statement {
  const start = reader.token;
  const target = targetOf(reader);
  if (target.kind === 'call') {
    return (scope) => {
      target.value(scope);
      return null;
    };
  }
  if (!reader.takeIf('=')) throw new Error(`a statement is expected at ${start.text}`);
  const value = expression(reader);
  return (scope) => {
    target.assign(scope, value(scope));
    return null;
  };
}

type Target =
  | { readonly kind: 'call'; readonly value: Evaluate }
  | { readonly kind: 'place'; readonly assign: (scope: Scope, value: LuaValue) => void };

function targetOf(reader: Reader): Target {
  const { text } = reader.token;
  const mark = reader.mark();
  reader.name();
  if (reader.is('=')) return { kind: 'place', assign: (scope, value) => scope.assign(text, value) };
  if (reader.takeIf('[')) {
    const key = expression(reader);
    reader.expect(']');
    if (reader.is('=')) {
      return {
        kind: 'place',
        assign: (scope, value) => {
          const table = scope.get(text);
          if (!(table instanceof LuaTable)) throw new Error(`${text} is no table`);
          table.set(key(scope), value);
        },
      };
    }
  }
  reader.goTo(mark);
  return { kind: 'call', value: suffixed(reader) };
}
