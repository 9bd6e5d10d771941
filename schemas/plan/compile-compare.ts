// Comparisons and `in` as closures, with fast forms for what filters mostly do: a field against a constant.

import { nullableBranch } from '../avro/avro-type.ts';
import { normalLong } from '../avro/decoded-event.ts';
import type { Compare, CompareOp, Const, Expr, In } from './ast.ts';
import type { Compiled, Compiler, Path, Run } from './compiled.ts';
import { compileAll, failing } from './compiled.ts';
import type { CelType } from './types.ts';
import { BOOL, celTypeOf, timeUnitOf } from './types.ts';
import type { Int } from './values.ts';
import { compareBytes, compareStrings, compareSymbols, ERROR, equalNumbers, isInt, ranksOf } from './values.ts';
import { narrow, scalarReader, writtenUnit } from './writer-values.ts';

const bool = (run: Run): Compiled => ({ run, type: BOOL });

/** The result of an order comparison from a negative, zero or positive number. */
const DECIDE: Readonly<Record<CompareOp, (order: number) => boolean>> = {
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

export function compileCompare(compiler: Compiler, expr: Compare): Compiled | undefined {
  const { op, left, right } = expr;
  if (right.node === 'const' && right.value === null) return compileNullTest(compiler, left, op);
  const time = compileTimeCompare(compiler, expr);
  if (time !== undefined) return time;
  const a = compiler.compile(left);
  const b = compiler.compile(right);
  if (a === undefined || b === undefined) return undefined;
  return op === '==' || op === '!=' ? compileEquality(a, b, op, right) : compileOrder(a, b, op, right);
}

function compileNullTest(compiler: Compiler, left: Expr, op: CompareOp): Compiled | undefined {
  if (op !== '==' && op !== '!=') return undefined;
  const value = compiler.compile(left);
  if (value === undefined) return undefined;
  const { run } = value;
  const wanted = op === '==';
  return bool((event) => {
    const found = run(event);
    return found === ERROR ? ERROR : (found === null) === wanted;
  });
}

/** A time field against a constant, compared in the writer's own unit without converting each value. */
function compileTimeCompare(compiler: Compiler, { op, left, right }: Compare): Compiled | undefined {
  if (right.node !== 'const' || typeof right.value !== 'bigint' || right.type.kind !== left.type.kind) return undefined;
  const path = compiler.path(left);
  if (path === undefined) return undefined;
  const narrowed = narrow(path.writer, path.plan);
  if (narrowed === undefined || timeUnitOf(narrowed.plan) === undefined) return undefined;
  if (narrowed.writer.kind !== 'int' && narrowed.writer.kind !== 'long') return undefined;
  if (path.writer.kind === 'union' && nullableBranch(path.writer) === undefined) return undefined;
  const unit = writtenUnit(narrowed.writer, narrowed.plan);
  const isExact = right.value % unit === 0n;
  const floor = right.value / unit - (right.value < 0n && !isExact ? 1n : 0n);
  const compare = timeTest(op, normalLong(floor), isExact);
  const { run } = path;
  const { open } = narrowed;
  const isEquality = op === '==' || op === '!=';
  return bool((event) => {
    const found = run(event);
    const value = found === ERROR ? ERROR : open(found);
    if (isInt(value)) return compare(value);
    return value === null && isEquality ? op === '!=' : ERROR;
  });
}

/** `value op limit`, where the true limit lies between `floor` and the next integer unless it is exact. */
function timeTest(op: CompareOp, floor: Int, isExact: boolean): (value: Int) => boolean {
  switch (op) {
    case '==':
      return (value) => isExact && value === floor;
    case '!=':
      return (value) => !isExact || value !== floor;
    case '<':
      return isExact ? (value) => value < floor : (value) => value <= floor;
    case '<=':
      return (value) => value <= floor;
    case '>':
      return (value) => value > floor;
    case '>=':
      return isExact ? (value) => value >= floor : (value) => value > floor;
  }
}

type Equal = (a: unknown, b: unknown) => boolean;
const identical: Equal = (a, b) => a === b;
const sameNumber: Equal = (a, b) => (isInt(a) && isInt(b) ? equalNumbers(a, b) : a === b);
const sameBytes: Equal = (a, b) =>
  a instanceof Uint8Array && b instanceof Uint8Array ? compareBytes(a, b) === 0 : a === b;

/** How values of two types are compared for equality; undefined where closures cannot. */
function equalityOf(a: CelType, b: CelType): Equal | undefined {
  if ((a.kind === 'int' && b.kind === 'double') || (a.kind === 'double' && b.kind === 'int')) return sameNumber;
  if (a.kind !== b.kind) return undefined;
  switch (a.kind) {
    case 'bool':
    case 'int':
    case 'double':
    case 'string':
    case 'enum':
    case 'timestamp':
    case 'duration':
      return identical;
    case 'bytes':
      return sameBytes;
    default:
      return undefined;
  }
}

function compileEquality(a: Compiled, b: Compiled, op: '==' | '!=', right: Expr): Compiled | undefined {
  const equal = equalityOf(a.type, b.type);
  if (equal === undefined) return undefined;
  const left = a.run;
  const wanted = op === '==';
  if (right.node === 'const' && equal === identical) {
    const constant = b.run({});
    return bool((event) => {
      const value = left(event);
      return value === ERROR ? ERROR : (value === constant) === wanted;
    });
  }
  const other = b.run;
  return bool((event) => {
    const x = left(event);
    const y = other(event);
    return x === ERROR || y === ERROR ? ERROR : equal(x, y) === wanted;
  });
}

function compileOrder(a: Compiled, b: Compiled, op: CompareOp, right: Expr): Compiled | undefined {
  if (a.type.kind === 'enum' && b.type.kind === 'enum') return compileSymbolOrder(a, b, op, right);
  const test = orderTest(a.type, b.type, op);
  if (test === undefined) return undefined;
  const left = a.run;
  if (right.node === 'const') {
    const constant = b.run({});
    return bool((event) => test(left(event), constant));
  }
  const other = b.run;
  return bool((event) => test(left(event), other(event)));
}

type OrderTest = (a: unknown, b: unknown) => boolean | typeof ERROR;

function orderTest(a: CelType, b: CelType, op: CompareOp): OrderTest | undefined {
  const isMixed = (a.kind === 'int' && b.kind === 'double') || (a.kind === 'double' && b.kind === 'int');
  // CEL compares int with double as doubles.
  if (isMixed) return numberTest(op, (x, y) => ORDER[op](Number(x), Number(y)));
  if (a.kind !== b.kind) return undefined;
  const decide = DECIDE[op];
  switch (a.kind) {
    case 'int':
    case 'double':
    case 'timestamp':
    case 'duration':
      return numberTest(op, ORDER[op]);
    case 'string':
      return (x, y) => (typeof x === 'string' && typeof y === 'string' ? decide(compareStrings(x, y)) : ERROR);
    case 'bool':
      return (x, y) => (typeof x === 'boolean' && typeof y === 'boolean' ? decide(Number(x) - Number(y)) : ERROR);
    case 'bytes':
      return (x, y) => (x instanceof Uint8Array && y instanceof Uint8Array ? decide(compareBytes(x, y)) : ERROR);
    default:
      return undefined;
  }
}

const ORDER: Readonly<Record<CompareOp, (a: Int, b: Int) => boolean>> = {
  '==': equalNumbers,
  '!=': (a, b) => !equalNumbers(a, b),
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** Each operator has its own closure, so that the engine can inline the comparison of plain numbers. */
function numberTest(op: CompareOp, slow: (a: Int, b: Int) => boolean): OrderTest {
  const rest: OrderTest = (x, y) => (isInt(x) && isInt(y) ? slow(x, y) : ERROR);
  switch (op) {
    case '<':
      return (x, y) => (typeof x === 'number' && typeof y === 'number' ? x < y : rest(x, y));
    case '<=':
      return (x, y) => (typeof x === 'number' && typeof y === 'number' ? x <= y : rest(x, y));
    case '>':
      return (x, y) => (typeof x === 'number' && typeof y === 'number' ? x > y : rest(x, y));
    default:
      return (x, y) => (typeof x === 'number' && typeof y === 'number' ? x >= y : rest(x, y));
  }
}

function compileSymbolOrder(a: Compiled, b: Compiled, op: CompareOp, right: Expr): Compiled | undefined {
  if (a.type.kind !== 'enum') return undefined;
  const decide = DECIDE[op];
  const topic = ranksOf(a.type.of.symbols);
  const symbols = a.symbols ?? b.symbols;
  const writer = symbols === undefined ? undefined : ranksOf(symbols);
  const test = (x: string, y: string): boolean | typeof ERROR => {
    const order = compareSymbols(x, y, writer, topic);
    return order === ERROR ? ERROR : decide(order);
  };
  const left = a.run;
  if (right.node === 'const') {
    const results = new Map<unknown, boolean | typeof ERROR>();
    for (const symbol of [...(symbols ?? []), ...a.type.of.symbols])
      results.set(symbol, test(symbol, String(right.value)));
    return bool((event) => results.get(left(event)) ?? ERROR);
  }
  const other = b.run;
  return bool((event) => {
    const x = left(event);
    const y = other(event);
    return typeof x === 'string' && typeof y === 'string' ? test(x, y) : ERROR;
  });
}

export function compileIn(compiler: Compiler, { left, right }: In): Compiled | undefined {
  const a = compiler.compile(left);
  if (a === undefined) return undefined;
  if (right.node === 'list') {
    const constants = right.items.filter((item) => item.node === 'const');
    return constants.length === right.items.length
      ? compileInConstants(a, constants)
      : compileInItems(compiler, a, right.items);
  }
  const path = compiler.path(right);
  if (path === undefined) return undefined;
  return right.type.kind === 'map' ? compileInMap(a, path) : compileInList(a, path);
}

const IN_CONSTANTS = new Set(['bool', 'int', 'double', 'string', 'enum', 'timestamp', 'duration']);

function compileInConstants(a: Compiled, items: readonly Const[]): Compiled | undefined {
  if (!IN_CONSTANTS.has(a.type.kind)) return undefined;
  const isNumber = a.type.kind === 'int' || a.type.kind === 'double';
  const fits = ({ type, value }: Const): boolean =>
    value === null || type.kind === a.type.kind || (isNumber && ['int', 'uint', 'double'].includes(type.kind));
  const values = items
    .filter(fits)
    .map(({ type, value }) => (typeof value === 'bigint' && isIntKind(type) ? normalLong(value) : value));
  const { run } = a;
  // A set tells 2^60 (double) from 2^60 (int), which CEL does not: only such numbers need the slow way.
  if (isNumber && values.some((value) => typeof value === 'bigint' || !Number.isSafeInteger(value))) {
    return bool((event) => {
      const value = run(event);
      return value === ERROR ? ERROR : values.some((item) => sameNumber(item, value));
    });
  }
  const set = new Set<unknown>(values);
  return bool((event) => {
    const value = run(event);
    return value === ERROR ? ERROR : set.has(value);
  });
}

const isIntKind = ({ kind }: CelType): boolean => kind === 'int' || kind === 'uint';

function compileInItems(compiler: Compiler, a: Compiled, items: readonly Expr[]): Compiled | undefined {
  const compiled = compileAll(compiler, items);
  const tests = compiled?.map(({ type }) => equalityOf(a.type, type));
  if (compiled === undefined || tests === undefined || tests.includes(undefined)) return undefined;
  const { run } = a;
  return bool((event) => {
    const value = run(event);
    if (value === ERROR) return ERROR;
    let isFound = false;
    for (let i = 0; i < compiled.length; i++) {
      const item = compiled[i]?.run(event);
      if (item === ERROR) return ERROR;
      if (tests[i]?.(value, item) === true) isFound = true;
    }
    return isFound;
  });
}

function compileInMap(a: Compiled, path: Path): Compiled | undefined {
  const narrowed = narrow(path.writer, path.plan);
  if (narrowed === undefined || a.type.kind !== 'string') return undefined;
  if (narrowed.writer.kind !== 'map') return bool(failing);
  const { run } = a;
  const { open } = narrowed;
  return bool((event) => {
    const key = run(event);
    const found = path.run(event);
    const map = found === ERROR ? ERROR : open(found);
    return typeof key === 'string' && typeof map === 'object' && map !== null ? Object.hasOwn(map, key) : ERROR;
  });
}

function compileInList(a: Compiled, path: Path): Compiled | undefined {
  const narrowed = narrow(path.writer, path.plan);
  if (narrowed === undefined || narrowed.plan.kind !== 'array') return undefined;
  if (narrowed.writer.kind !== 'array') return bool(failing);
  const item = scalarReader(narrowed.writer.items, narrowed.plan.items);
  const element = celTypeOf(narrowed.plan.items);
  const planned: CelType = item?.isDouble === true && element.kind === 'int' ? { kind: 'double' } : element;
  const equal = equalityOf(a.type, planned);
  if (item === undefined || equal === undefined) return undefined;
  const { run } = a;
  const { open } = narrowed;
  const { read } = item;
  return bool((event) => {
    const value = run(event);
    const found = path.run(event);
    const list = found === ERROR ? ERROR : open(found);
    if (value === ERROR || !Array.isArray(list)) return ERROR;
    let result: boolean | typeof ERROR = false;
    for (const decoded of list) {
      const candidate = read(decoded);
      if (candidate === ERROR) result = ERROR;
      else if (equal(value, candidate)) return true;
    }
    return result;
  });
}
