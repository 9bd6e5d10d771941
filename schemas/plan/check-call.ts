// Type rules of operators, methods and functions. CEL's own rules, plus order between the symbols of an enum.

import { RE2JS } from '@bufbuild/re2';
import { reasonOf } from '../errors.ts';
import { nearestName } from '../nearest-name.ts';
import type { CompareOp, Const, Expr } from './ast.ts';
import { MAX_PATTERN_CHARACTERS, MAX_PATTERN_REPETITIONS } from './limits.ts';
import type { SyntaxNode } from './parse.ts';
import type { FilterErrorCode } from './place.ts';
import {
  durationGetter,
  isDurationNs,
  parseDuration,
  parseTimestamp,
  TIMESTAMP_GETTER_NAMES,
  wallClockOf,
} from './time.ts';
import type { CelType } from './types.ts';
import { areComparable, BOOL, DYN, INT, isNumeric, nameOf, sameType, unify } from './types.ts';

export interface CallContext {
  readonly expected: CelType | undefined;
  check(node: SyntaxNode, expected?: CelType): Expr;
  isOpen(node: SyntaxNode): boolean;
  fail(code: FilterErrorCode, node: SyntaxNode, details: Readonly<Record<string, unknown>>): never;
}

const COMPARISONS: ReadonlyMap<string, CompareOp> = new Map([
  ['_==_', '=='],
  ['_!=_', '!='],
  ['_<_', '<'],
  ['_<=_', '<='],
  ['_>_', '>'],
  ['_>=_', '>='],
]);
const ARITHMETIC: ReadonlyMap<string, string> = new Map([
  ['_+_', '+'],
  ['_-_', '-'],
  ['_*_', '*'],
  ['_/_', '/'],
  ['_%_', '%'],
]);
const ORDERED = new Set(['bool', 'string', 'bytes', 'timestamp', 'duration', 'enum', 'dyn']);
const STRING_METHODS = new Set(['contains', 'startsWith', 'endsWith', 'matches']);
/** What each conversion accepts. */
const CONVERSIONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['int', ['int', 'uint', 'double', 'string', 'timestamp']],
  ['uint', ['int', 'uint', 'double', 'string']],
  ['double', ['int', 'uint', 'double', 'string']],
  ['string', ['string', 'bool', 'int', 'uint', 'double', 'bytes', 'timestamp', 'duration', 'enum']],
  ['bool', ['bool', 'string']],
  ['bytes', ['bytes', 'string']],
  ['timestamp', ['timestamp', 'string']],
  ['duration', ['duration', 'string']],
]);
const FUNCTION_NAMES = [
  ...STRING_METHODS,
  ...CONVERSIONS.keys(),
  ...TIMESTAMP_GETTER_NAMES,
  ...['size', 'dyn', 'type', 'has', 'exists', 'all', 'exists_one', 'map', 'filter'],
];

export function checkCall(
  context: CallContext,
  node: SyntaxNode,
  name: string,
  target: SyntaxNode | undefined,
  args: readonly SyntaxNode[],
): Expr {
  const [first, second, third] = args;
  if (first !== undefined && second !== undefined) {
    const op = COMPARISONS.get(name);
    if (op !== undefined) return checkCompare(context, node, op, first, second);
    const arithmetic = ARITHMETIC.get(name);
    if (arithmetic !== undefined) return checkArithmetic(context, node, arithmetic, first, second);
    if (name === '@in') return checkIn(context, node, first, second);
    if (name === '_[_]') return checkIndex(context, node, first, second);
    if (name === '_?_:_' && third !== undefined) return checkConditional(context, node, first, second, third);
  }
  if (name === '_&&_' || name === '_||_') {
    const operands = flatten(name, args).map((arg) => checkBool(context, arg));
    return { node: name === '_&&_' ? 'and' : 'or', type: BOOL, args: operands };
  }
  if (name === '!_' && first !== undefined) return { node: 'not', type: BOOL, of: checkBool(context, first) };
  if (name === '-_' && first !== undefined) return checkNegation(context, node, first);
  return target === undefined
    ? checkFunction(context, node, name, args)
    : checkMethod(context, node, name, target, args);
}

const flatten = (name: string, args: readonly SyntaxNode[]): readonly SyntaxNode[] =>
  args.flatMap((arg) =>
    arg.exprKind.case === 'callExpr' && arg.exprKind.value.function === name
      ? flatten(name, arg.exprKind.value.args)
      : [arg],
  );

function checkBool(context: CallContext, node: SyntaxNode): Expr {
  const expr = context.check(node);
  if (expr.type.kind === 'bool' || expr.type.kind === 'dyn') return expr;
  const reason = `this must be true or false, it is ${nameOf(expr.type)}; compare it with something`;
  return context.fail('MDS_FILTER_TYPE', node, { reason });
}

/** Checks both sides, first the one that has a type of its own, so that bare enum symbols get theirs from it. */
function checkPair(context: CallContext, left: SyntaxNode, right: SyntaxNode): readonly [Expr, Expr] {
  if (context.isOpen(left) && !context.isOpen(right)) {
    const second = context.check(right);
    return [context.check(left, second.type), second];
  }
  const first = context.check(left);
  return [first, context.check(right, first.type)];
}

function checkCompare(context: CallContext, node: SyntaxNode, op: CompareOp, l: SyntaxNode, r: SyntaxNode): Expr {
  const [left, right] = checkPair(context, l, r);
  const a = left.type;
  const b = right.type;
  const isEquality = op === '==' || op === '!=';
  if (!areComparable(a, b)) {
    context.fail('MDS_FILTER_TYPE', node, { reason: `${nameOf(a)} ${op} ${nameOf(b)}${mixHint(a, b)}` });
  }
  for (const type of isEquality ? [] : [a, b]) {
    if (ORDERED.has(type.kind) || isNumeric(type)) continue;
    const hint = type.kind === 'null' ? '; null can only be compared with == and !=' : '';
    context.fail('MDS_FILTER_TYPE', node, { reason: `${nameOf(type)} has no order, ${op} cannot be used${hint}` });
  }
  return { node: 'compare', type: BOOL, op, left, right };
}

function mixHint(a: CelType, b: CelType): string {
  const kinds = [a.kind, b.kind];
  if (kinds.includes('timestamp') && kinds.includes('string')) return '; write timestamp("2026-01-31T12:00:00Z")';
  if (kinds.includes('timestamp')) return '; convert with int(…) for seconds, or compare with timestamp("…")';
  if (kinds.includes('duration')) return '; write duration("5m")';
  if (kinds.includes('string') && (isNumeric(a) || isNumeric(b))) return '; put text in quotes, or convert with int(…)';
  if (kinds.includes('null')) return '; this value is never null';
  return '';
}

function checkIn(context: CallContext, node: SyntaxNode, l: SyntaxNode, r: SyntaxNode): Expr {
  let left: Expr;
  let right: Expr;
  if (context.isOpen(l) && !context.isOpen(r)) {
    right = context.check(r);
    left = context.check(l, right.type.kind === 'list' ? right.type.of : undefined);
  } else {
    left = context.check(l);
    right = context.check(r, { kind: 'list', of: left.type });
  }
  const { type } = right;
  if (type.kind === 'map') {
    if (left.type.kind !== 'string' && left.type.kind !== 'dyn') {
      context.fail('MDS_FILTER_TYPE', l, { reason: `keys of a map are strings, this is ${nameOf(left.type)}` });
    }
  } else if (type.kind === 'list') {
    if (!areComparable(left.type, type.of)) {
      context.fail('MDS_FILTER_TYPE', node, {
        reason: `${nameOf(left.type)} in ${nameOf(type)}${mixHint(left.type, type.of)}`,
      });
    }
  } else if (type.kind !== 'dyn') {
    context.fail('MDS_FILTER_TYPE', r, { reason: `in needs a list or a map on its right, this is ${nameOf(type)}` });
  }
  return { node: 'in', type: BOOL, left, right };
}

function checkArithmetic(context: CallContext, node: SyntaxNode, op: string, l: SyntaxNode, r: SyntaxNode): Expr {
  const left = context.check(l);
  const right = context.check(r);
  const type = arithmeticType(op, left.type, right.type);
  if (type !== undefined) return { node: 'call', type, name: op, method: false, args: [left, right] };
  const isMixed = isNumeric(left.type) && isNumeric(right.type);
  const hint = isMixed ? '; numbers of different types do not mix: write 2.0, or convert with double(…)' : '';
  return context.fail('MDS_FILTER_TYPE', node, { reason: `${nameOf(left.type)} ${op} ${nameOf(right.type)}${hint}` });
}

function arithmeticType(op: string, a: CelType, b: CelType): CelType | undefined {
  if (a.kind === 'dyn' || b.kind === 'dyn') return DYN;
  const kinds = `${a.kind} ${op} ${b.kind}`;
  if (kinds === 'timestamp + duration' || kinds === 'duration + timestamp' || kinds === 'timestamp - duration') {
    return { kind: 'timestamp' };
  }
  if (kinds === 'timestamp - timestamp') return { kind: 'duration' };
  if (op === '+' && a.kind === 'list' && b.kind === 'list') return { kind: 'list', of: unify(a.of, b.of) };
  if (!sameType(a, b)) return undefined;
  switch (a.kind) {
    case 'int':
    case 'uint':
      return { kind: a.kind };
    case 'double':
      return op === '%' ? undefined : { kind: 'double' };
    case 'string':
    case 'bytes':
      return op === '+' ? { kind: a.kind } : undefined;
    case 'duration':
      return op === '+' || op === '-' ? { kind: 'duration' } : undefined;
    default:
      return undefined;
  }
}

function checkNegation(context: CallContext, node: SyntaxNode, operand: SyntaxNode): Expr {
  const of = context.check(operand);
  const { kind } = of.type;
  if (kind !== 'int' && kind !== 'double' && kind !== 'dyn') {
    context.fail('MDS_FILTER_TYPE', node, { reason: `- needs a number, this is ${nameOf(of.type)}` });
  }
  if (of.node === 'const') {
    if (typeof of.value === 'number') return { ...of, value: -of.value };
    if (typeof of.value === 'bigint' && isDurationNs(-of.value)) return { ...of, value: -of.value };
  }
  return { node: 'call', type: { kind }, name: 'neg', method: false, args: [of] };
}

function checkIndex(context: CallContext, node: SyntaxNode, l: SyntaxNode, r: SyntaxNode): Expr {
  const of = context.check(l);
  const key = context.check(r);
  const isDynKey = key.type.kind === 'dyn';
  if (of.type.kind === 'dyn') return { node: 'index', type: DYN, of, key };
  if (of.type.kind === 'list') {
    if (key.type.kind === 'int' || isDynKey) return { node: 'index', type: of.type.of, of, key };
    return context.fail('MDS_FILTER_TYPE', r, { reason: `a list is read by position, not by ${nameOf(key.type)}` });
  }
  if (of.type.kind === 'map') {
    if (key.type.kind === 'string' || isDynKey) return { node: 'index', type: of.type.of, of, key };
    return context.fail('MDS_FILTER_TYPE', r, { reason: `a map is read by a string, not by ${nameOf(key.type)}` });
  }
  return context.fail('MDS_FILTER_TYPE', node, { reason: `[ ] works on lists and maps, not on ${nameOf(of.type)}` });
}

function checkConditional(context: CallContext, node: SyntaxNode, t: SyntaxNode, a: SyntaxNode, b: SyntaxNode): Expr {
  const test = checkBool(context, t);
  const { expected } = context;
  const [whenTrue, whenFalse] =
    expected === undefined ? checkPair(context, a, b) : [context.check(a, expected), context.check(b, expected)];
  if (
    !areComparable(whenTrue.type, whenFalse.type) &&
    whenTrue.type.kind !== 'null' &&
    whenFalse.type.kind !== 'null'
  ) {
    context.fail('MDS_FILTER_TYPE', node, {
      reason: `the two results of ? : differ: ${nameOf(whenTrue.type)} and ${nameOf(whenFalse.type)}`,
    });
  }
  return { node: 'conditional', type: unify(whenTrue.type, whenFalse.type), test, whenTrue, whenFalse };
}

function checkMethod(
  context: CallContext,
  node: SyntaxNode,
  name: string,
  t: SyntaxNode,
  a: readonly SyntaxNode[],
): Expr {
  const target = context.check(t);
  const args = a.map((arg) => context.check(arg));
  const call = (type: CelType): Expr => ({ node: 'call', type, name, method: true, args: [target, ...args] });
  if (name === 'size') return sizeOf(context, node, target, args);
  if (STRING_METHODS.has(name)) {
    const [arg] = args;
    if (target.type.kind !== 'string' && target.type.kind !== 'dyn') {
      const hint = target.type.kind === 'enum' ? '; convert with string(…)' : '';
      context.fail('MDS_FILTER_TYPE', t, {
        reason: `${name}() works on strings, this is ${nameOf(target.type)}${hint}`,
      });
    }
    if (args.length !== 1 || (arg?.type.kind !== 'string' && arg?.type.kind !== 'dyn')) {
      context.fail('MDS_FILTER_TYPE', a[0] ?? node, { reason: `${name}() takes one string` });
    }
    if (name === 'matches') checkPattern(context, a[0] ?? node, arg);
    return call(BOOL);
  }
  const isTimestamp = TIMESTAMP_GETTER_NAMES.includes(name) && target.type.kind !== 'duration';
  if (isTimestamp || durationGetter(name) !== undefined) return checkGetter(context, node, name, target, args, call);
  return unknownFunction(context, node, name);
}

function checkGetter(
  context: CallContext,
  node: SyntaxNode,
  name: string,
  target: Expr,
  args: readonly Expr[],
  call: (type: CelType) => Expr,
): Expr {
  const { kind } = target.type;
  if (kind !== 'timestamp' && kind !== 'duration' && kind !== 'dyn') {
    context.fail('MDS_FILTER_TYPE', node, { reason: `${name}() works on timestamps, this is ${nameOf(target.type)}` });
  }
  const [zone] = args;
  if (args.length > (kind === 'duration' ? 0 : 1))
    context.fail('MDS_FILTER_TYPE', node, { reason: `${name}() takes only a time zone` });
  if (zone !== undefined) {
    const known = zone.node === 'const' && typeof zone.value === 'string' && wallClockOf(zone.value) !== undefined;
    if (!known) {
      context.fail('MDS_FILTER_TYPE', node, {
        reason: `${name}() takes a time zone such as "+02:00" or "Europe/Berlin"`,
      });
    }
  }
  return call(INT);
}

function sizeOf(context: CallContext, node: SyntaxNode, target: Expr | undefined, rest: readonly Expr[]): Expr {
  const kind = target?.type.kind;
  const isSized = kind === 'string' || kind === 'bytes' || kind === 'list' || kind === 'map' || kind === 'dyn';
  if (target === undefined || rest.length > 0 || !isSized) {
    return context.fail('MDS_FILTER_TYPE', node, { reason: 'size() takes a string, bytes, a list or a map' });
  }
  return { node: 'call', type: INT, name: 'size', method: false, args: [target] };
}

/** The pattern is compiled once, here and at plan time, so it must be known: RE2 then matches in linear time. */
function checkPattern(context: CallContext, node: SyntaxNode, arg: Expr | undefined): void {
  const pattern = arg?.node === 'const' ? arg.value : undefined;
  if (typeof pattern !== 'string') {
    context.fail('MDS_FILTER_UNSUPPORTED', node, {
      feature: 'A pattern that is computed for each event',
      hint: '; write the pattern of matches() as a string in quotes',
    });
  }
  if (pattern.length > MAX_PATTERN_CHARACTERS) {
    const reason = `it has ${pattern.length} characters, the limit is ${MAX_PATTERN_CHARACTERS}`;
    context.fail('MDS_FILTER_BAD_REGEX', node, { reason });
  }
  const repetitions = [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].map(([, from, to]) =>
    Number(to === undefined || to === '' ? from : to),
  );
  if (repetitions.reduce((product, count) => product * Math.max(1, count), 1) > MAX_PATTERN_REPETITIONS) {
    context.fail('MDS_FILTER_BAD_REGEX', node, {
      reason: `its repetitions multiply to more than ${MAX_PATTERN_REPETITIONS}`,
    });
  }
  try {
    RE2JS.compile(pattern);
  } catch (cause) {
    context.fail('MDS_FILTER_BAD_REGEX', node, { reason: reasonOf(cause), pattern });
  }
}

function checkFunction(context: CallContext, node: SyntaxNode, name: string, a: readonly SyntaxNode[]): Expr {
  if (name === 'now') return context.check({ ...node, exprKind: { case: 'identExpr', value: identOf('now') } });
  if (name === 'size') {
    const [target, ...rest] = a.map((arg) => context.check(arg));
    return sizeOf(context, node, target, rest);
  }
  const accepts = CONVERSIONS.get(name);
  if (accepts === undefined && name !== 'dyn' && name !== 'type') return unknownFunction(context, node, name);
  const [first, ...rest] = a;
  if (first === undefined || rest.length > 0)
    return context.fail('MDS_FILTER_TYPE', node, { reason: `${name}() takes one value` });
  const arg = context.check(first);
  const { kind } = arg.type;
  if (accepts !== undefined && kind !== 'dyn' && !accepts.includes(kind)) {
    context.fail('MDS_FILTER_TYPE', first, {
      reason: `${name}() takes ${accepts.join(', ')}; this is ${nameOf(arg.type)}`,
    });
  }
  if (name === 'timestamp' || name === 'duration') {
    if (kind === name) return arg;
    if (arg.node === 'const' && typeof arg.value === 'string') return timeConstant(context, first, name, arg.value);
  }
  const type: CelType = name === 'dyn' ? DYN : conversionType(name);
  return { node: 'call', type, name, method: false, args: [arg] };
}

function conversionType(name: string): CelType {
  switch (name) {
    case 'int':
    case 'uint':
    case 'double':
    case 'string':
    case 'bool':
    case 'bytes':
    case 'timestamp':
    case 'duration':
    case 'type':
      return { kind: name };
    default:
      return DYN;
  }
}

function timeConstant(context: CallContext, node: SyntaxNode, kind: 'timestamp' | 'duration', text: string): Const {
  const value = kind === 'timestamp' ? parseTimestamp(text) : parseDuration(text);
  if (value !== undefined) return { node: 'const', type: { kind }, value };
  const example = kind === 'timestamp' ? '2026-01-31T12:00:00Z' : '1h30m, 5m or 1.5s';
  return context.fail('MDS_FILTER_TYPE', node, {
    reason: `${JSON.stringify(text)} is not a ${kind}; write it like ${example}`,
  });
}

function unknownFunction(context: CallContext, node: SyntaxNode, name: string): never {
  const feature = /^\w+$/.test(name) ? `The function ${name}()` : `The operator ${name}`;
  return context.fail('MDS_FILTER_UNSUPPORTED', node, { feature, didYouMean: nearestName(name, FUNCTION_NAMES) });
}

const identOf = (name: string) => ({ $typeName: 'cel.expr.Expr.Ident' as const, name });
