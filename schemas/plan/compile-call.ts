// Arithmetic, string methods, conversions and time getters as closures.

import { RE2JS } from '@bufbuild/re2';
import { normalLong } from '../avro/decoded-event.ts';
import type { Call, Expr } from './ast.ts';
import type { Compiled, Compiler, Run } from './compiled.ts';
import { compileAll } from './compiled.ts';
import {
  durationGetter,
  isDurationNs,
  isTimestampNs,
  parseDuration,
  parseTimestamp,
  secondsOf,
  timestampGetter,
  wallClockOf,
} from './time.ts';
import type { CelType } from './types.ts';
import { BOOL, DOUBLE, INT, STRING } from './types.ts';
import {
  codePointsIn,
  DOUBLE_OPERATIONS,
  doubleToInt,
  ERROR,
  INT_OPERATIONS,
  isInt,
  stringToDouble,
  stringToInt,
} from './values.ts';

/** A function of one value; anything it does not accept (null above all) is ERROR. */
type Unary = (value: unknown) => unknown;

const isString = (value: unknown): value is string => typeof value === 'string';
const onString =
  (operation: (text: string) => unknown): Unary =>
  (value) =>
    isString(value) ? operation(value) : ERROR;
const onNumber =
  (operation: (value: number) => unknown): Unary =>
  (value) =>
    typeof value === 'number' ? operation(value) : ERROR;
const onBigInt =
  (operation: (value: bigint) => unknown): Unary =>
  (value) =>
    typeof value === 'bigint' ? operation(value) : ERROR;

export function compileCall(compiler: Compiler, expr: Call): Compiled | undefined {
  if (expr.name === 'matches') return compileMatches(compiler, expr.args);
  const args = compileAll(compiler, expr.args);
  const [first, second] = args ?? [];
  if (first === undefined) return undefined;
  if (second === undefined) return compileUnary(expr.name, first);
  const getter = timestampGetter(expr.name);
  if (getter !== undefined) return compileZonedGetter(getter, first, second);
  return compileBinary(expr.name, first, second);
}

function compileUnary(name: string, arg: Compiled): Compiled | undefined {
  const found = unary(name, arg.type);
  if (found === undefined) return undefined;
  const [type, operation] = found;
  const { run } = arg;
  return { type, run: (event) => operation(run(event)) };
}

function unary(name: string, { kind }: CelType): readonly [CelType, Unary] | undefined {
  switch (`${name} ${kind}`) {
    case 'neg int':
      return [INT, (value) => (isInt(value) ? INT_OPERATIONS['-']?.(0, value) : ERROR)];
    case 'neg double':
      return [DOUBLE, onNumber((value) => -value)];
    case 'size string':
      return [INT, onString(codePointsIn)];
    case 'size bytes':
      return [INT, (value) => (value instanceof Uint8Array ? value.length : ERROR)];
    case 'size list':
      return [INT, (value) => (Array.isArray(value) ? value.length : ERROR)];
    case 'size map':
      return [INT, (value) => (typeof value === 'object' && value !== null ? Object.keys(value).length : ERROR)];
    case 'int int':
      return [INT, (value) => (isInt(value) ? value : ERROR)];
    case 'int double':
      return [INT, onNumber(doubleToInt)];
    case 'int string':
      return [INT, onString(stringToInt)];
    case 'int timestamp':
      return [INT, onBigInt((ns) => normalLong(secondsOf(ns)))];
    case 'double int':
      return [DOUBLE, (value) => (isInt(value) ? Number(value) : ERROR)];
    case 'double double':
      return [DOUBLE, onNumber((value) => value)];
    case 'double string':
      return [DOUBLE, onString(stringToDouble)];
    case 'string string':
    case 'string enum':
      return [STRING, onString((text) => text)];
    case 'string int':
      return [STRING, (value) => (isInt(value) ? String(value) : ERROR)];
    case 'string bool':
      return [STRING, (value) => (typeof value === 'boolean' ? String(value) : ERROR)];
    case 'timestamp string':
      return [{ kind: 'timestamp' }, onString((text) => parseTimestamp(text) ?? ERROR)];
    case 'duration string':
      return [{ kind: 'duration' }, onString((text) => parseDuration(text) ?? ERROR)];
    default:
      return getterOf(name, kind);
  }
}

const utc = wallClockOf('UTC');

function getterOf(name: string, kind: CelType['kind']): readonly [CelType, Unary] | undefined {
  if (kind === 'duration') {
    const get = durationGetter(name);
    return get === undefined ? undefined : [INT, onBigInt((ns) => normalLong(get(ns)))];
  }
  const get = kind === 'timestamp' ? timestampGetter(name) : undefined;
  if (get === undefined || utc === undefined) return undefined;
  return [INT, onBigInt((ns) => get(utc(ns)))];
}

function compileZonedGetter(get: (date: Date) => number, of: Compiled, zone: Compiled): Compiled | undefined {
  const wallClock = wallClockOf(String(zone.run({})));
  if (wallClock === undefined || of.type.kind !== 'timestamp') return undefined;
  const { run } = of;
  return {
    type: INT,
    run: (event) => {
      const ns = run(event);
      return typeof ns === 'bigint' ? get(wallClock(ns)) : ERROR;
    },
  };
}

type Binary = (a: unknown, b: unknown) => unknown;

function compileBinary(name: string, a: Compiled, b: Compiled): Compiled | undefined {
  const found = binary(name, a.type, b.type);
  if (found === undefined) return undefined;
  const [type, operation] = found;
  const left = a.run;
  const right = b.run;
  return { type, run: (event) => operation(left(event), right(event)) };
}

function binary(name: string, a: CelType, b: CelType): readonly [CelType, Binary] | undefined {
  if (a.kind === 'string' && b.kind === 'string') return stringOperation(name);
  const isNumeric = (kind: CelType['kind']): boolean => kind === 'int' || kind === 'double';
  if (isNumeric(a.kind) && isNumeric(b.kind)) {
    // CEL does not mix them; it can still happen here when a writer promoted one of the two fields.
    if (a.kind !== b.kind) return [a, () => ERROR];
    return a.kind === 'int' ? intOperation(name) : doubleOperation(name);
  }
  return timeOperation(name, a.kind, b.kind);
}

function stringOperation(name: string): readonly [CelType, Binary] | undefined {
  const on =
    (operation: (a: string, b: string) => unknown): Binary =>
    (a, b) =>
      isString(a) && isString(b) ? operation(a, b) : ERROR;
  switch (name) {
    case '+':
      return [STRING, on((a, b) => a + b)];
    case 'contains':
      return [BOOL, on((a, b) => a.includes(b))];
    case 'startsWith':
      return [BOOL, on((a, b) => a.startsWith(b))];
    case 'endsWith':
      return [BOOL, on((a, b) => a.endsWith(b))];
    default:
      return undefined;
  }
}

function intOperation(name: string): readonly [CelType, Binary] | undefined {
  const operation = INT_OPERATIONS[name];
  return operation === undefined ? undefined : [INT, (a, b) => (isInt(a) && isInt(b) ? operation(a, b) : ERROR)];
}

function doubleOperation(name: string): readonly [CelType, Binary] | undefined {
  const operation = DOUBLE_OPERATIONS[name];
  if (operation === undefined) return [DOUBLE, () => ERROR];
  return [DOUBLE, (a, b) => (typeof a === 'number' && typeof b === 'number' ? operation(a, b) : ERROR)];
}

function timeOperation(name: string, a: CelType['kind'], b: CelType['kind']): readonly [CelType, Binary] | undefined {
  const isTimestamp = a !== b;
  const kinds = `${a} ${name} ${b}`;
  const isKnown =
    /^duration [+-] duration$/.test(kinds) ||
    kinds === 'timestamp - timestamp' ||
    /^timestamp [+-] duration$/.test(kinds);
  if (!isKnown && kinds !== 'duration + timestamp') return undefined;
  const isInRange = isTimestamp ? isTimestampNs : isDurationNs;
  const operation: Binary = (x, y) => {
    if (typeof x !== 'bigint' || typeof y !== 'bigint') return ERROR;
    const ns = name === '+' ? x + y : x - y;
    return isInRange(ns) ? ns : ERROR;
  };
  return [{ kind: isTimestamp ? 'timestamp' : 'duration' }, operation];
}

function compileMatches(compiler: Compiler, [target, pattern]: readonly Expr[]): Compiled | undefined {
  if (target === undefined || pattern?.node !== 'const') return undefined;
  const text = compiler.compile(target);
  if (text?.type.kind !== 'string') return undefined;
  const automaton = RE2JS.compile(String(pattern.value));
  const { run } = text;
  const matches: Run = (event) => {
    const value = run(event);
    return isString(value) ? automaton.test(value) : ERROR;
  };
  return { run: matches, type: BOOL };
}
