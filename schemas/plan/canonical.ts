// One form for filters that mean the same and differ only in how they are written, so that they share a channel.
//
// Every rule keeps CEL's meaning to the last error: `&&` and `||` are commutative and absorb errors (Kleene's logic), so
// clauses can be sorted, deduplicated and negated by De Morgan; `!(a < b)` becomes `a >= b` only where no side can be NaN.
// Filters that differ in meaning are never merged: test/schemas/plan checks each form against the original.

import type { Compare, CompareOp, Const, Expr, Logic } from './ast.ts';
import { childrenOf } from './ast.ts';
import type { PrintStyle } from './print.ts';
import { isReservedWord, printExpr } from './print.ts';
import type { CelType } from './types.ts';
import { BOOL } from './types.ts';

const FLIPPED: Readonly<Record<CompareOp, CompareOp>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};
const NEGATED: Readonly<Record<CompareOp, CompareOp>> = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
};
/**
 * Types whose order is total: exactly one of a < b and a >= b holds (or both are errors). Integers are not among them: a
 * later writer may have made the field a double (decision 1), and then it may be NaN.
 */
const TOTAL_ORDER = new Set(['bool', 'string', 'bytes', 'timestamp', 'duration', 'enum']);

/** How canonical filters are printed when the event has these top-level fields. */
export function canonicalStyle(fieldNames: ReadonlySet<string>): PrintStyle {
  return {
    field: (name) => (isReservedWord(name) ? `event.${name}` : name),
    symbol: (symbol) => (fieldNames.has(symbol) || isReservedWord(symbol) ? JSON.stringify(symbol) : symbol),
  };
}

/**
 * @param expr a checked filter
 * @param fieldNames all top-level fields of the schema it was checked with
 */
export function canonicalExpr(expr: Expr, fieldNames: ReadonlySet<string>): Expr {
  const taken = new Set([...fieldNames, ...symbolsIn(expr)]);
  const style = canonicalStyle(fieldNames);
  const print = (inner: Expr): string => printExpr(inner, style);
  const canonicaliser = new Canonicaliser(print);
  let current = canonicaliser.visit(renameVariables(expr, taken));
  // One rule's result can be another's case (a merged list of one is an equality). Each pass shrinks the tree or keeps
  // it, and two passes have always sufficed; the bound only guarantees an end.
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const next = canonicaliser.visit(current);
    if (print(next) === print(current)) break;
    current = next;
  }
  return current;
}

const MAX_PASSES = 8;

/** A value that is certainly true or false, so that `x && x` is x. */
const isStrictBool = ({ type }: Expr): boolean => type.kind === 'bool' && type.nullable !== true;
const constant = (type: CelType, value: Const['value']): Const => ({ node: 'const', type, value });
const isBool = (expr: Expr, value: boolean): boolean => expr.node === 'const' && expr.value === value;

/** An operand of && or || that is no bool is an error with and without `!!`. */
const withoutDoubleNegation = (expr: Expr): Expr => (expr.node === 'not' && expr.of.node === 'not' ? expr.of.of : expr);

class Canonicaliser {
  readonly #print: (expr: Expr) => string;

  constructor(print: (expr: Expr) => string) {
    this.#print = print;
  }

  visit(expr: Expr): Expr {
    switch (expr.node) {
      case 'and':
      case 'or':
        return this.#logic(
          expr.node,
          expr.args.map((arg) => this.visit(arg)),
        );
      case 'not':
        return this.#negate(this.visit(expr.of));
      case 'compare':
        return this.#compare({ ...expr, left: this.visit(expr.left), right: this.visit(expr.right) });
      case 'in':
        return this.#in(this.visit(expr.left), this.visit(expr.right));
      case 'conditional': {
        const test = this.visit(expr.test);
        const whenTrue = this.visit(expr.whenTrue);
        const whenFalse = this.visit(expr.whenFalse);
        return { ...expr, test, whenTrue, whenFalse };
      }
      case 'select':
        return { ...expr, of: this.visit(expr.of) };
      case 'has':
        return expr.of === undefined ? expr : { ...expr, of: this.visit(expr.of) };
      case 'index':
        return { ...expr, of: this.visit(expr.of), key: this.visit(expr.key) };
      case 'call':
        return { ...expr, args: expr.args.map((arg) => this.visit(arg)) };
      case 'list':
        return { ...expr, items: expr.items.map((item) => this.visit(item)) };
      case 'map':
        return { ...expr, entries: expr.entries.map(([key, value]) => [this.visit(key), this.visit(value)]) };
      case 'comprehension':
        return { ...expr, range: this.visit(expr.range), bodies: expr.bodies.map((body) => this.visit(body)) };
      default:
        return expr;
    }
  }

  #logic(node: Logic['node'], visited: readonly Expr[]): Expr {
    const flat = visited.map(withoutDoubleNegation).flatMap((arg) => (arg.node === node ? arg.args : [arg]));
    const absorbing = node === 'or';
    if (flat.some((arg) => isBool(arg, absorbing))) return constant(BOOL, absorbing);
    const merged = node === 'or' ? this.#mergeEqualities(flat) : flat;
    const byText = new Map(merged.filter((arg) => !isBool(arg, !absorbing)).map((arg) => [this.#print(arg), arg]));
    const args = [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, arg]) => arg);
    const [only] = args;
    if (only === undefined) return constant(BOOL, !absorbing);
    if (args.length > 1) return { node, type: BOOL, args };
    // A lone operand that may be null is an error in && and a value outside it: keep the operator.
    return isStrictBool(only) ? only : { node, type: BOOL, args: [only, only] };
  }

  /** `x == a || x == b` is `x in [a, b]`: both fail exactly when x does. */
  #mergeEqualities(args: readonly Expr[]): readonly Expr[] {
    const groups = new Map<string, { readonly left: Expr; readonly items: Expr[] }>();
    const rest: Expr[] = [];
    for (const arg of args) {
      const alternatives = alternativesOf(arg);
      if (alternatives === undefined) {
        rest.push(arg);
        continue;
      }
      const key = this.#print(alternatives.left);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { left: alternatives.left, items: [...alternatives.items] });
      else group.items.push(...alternatives.items);
    }
    const lists = [...groups.values()].map(({ left, items }) => this.#in(left, listOf(left, items)));
    return [...rest, ...lists];
  }

  #negate(of: Expr): Expr {
    switch (of.node) {
      case 'not':
        if (isStrictBool(of.of)) return of.of;
        break;
      case 'const':
        if (typeof of.value === 'boolean') return constant(BOOL, !of.value);
        break;
      case 'and':
      case 'or':
        return this.#logic(
          of.node === 'and' ? 'or' : 'and',
          of.args.map((arg) => this.#negate(arg)),
        );
      case 'compare': {
        const isEquality = of.op === '==' || of.op === '!=';
        const isTotal = TOTAL_ORDER.has(of.left.type.kind) && TOTAL_ORDER.has(of.right.type.kind);
        if (isEquality || isTotal) return { ...of, op: NEGATED[of.op] };
        break;
      }
      default:
    }
    return { node: 'not', type: BOOL, of };
  }

  #compare(expr: Compare): Expr {
    const left = literalFor(expr.left, expr.right.type);
    const right = literalFor(expr.right, expr.left.type);
    const isSwapped =
      left.node === 'const' ? right.node !== 'const' : right.node !== 'const' && this.#print(left) > this.#print(right);
    const oriented: Compare = isSwapped
      ? { ...expr, op: FLIPPED[expr.op], left: right, right: left }
      : { ...expr, left, right };
    return this.#comparedWithBool(oriented) ?? oriented;
  }

  /** `x == true` is x, `x == false` is !x. */
  #comparedWithBool({ op, left, right }: Compare): Expr | undefined {
    if ((op !== '==' && op !== '!=') || !isStrictBool(left)) return undefined;
    if (right.node !== 'const' || typeof right.value !== 'boolean') return undefined;
    if (right.value === (op === '==')) return left;
    return left.node === 'not' && !isStrictBool(left.of) ? undefined : this.#negate(left);
  }

  #in(left: Expr, right: Expr): Expr {
    if (right.node !== 'list' || right.items.length === 0) return { node: 'in', type: BOOL, left, right };
    const items = right.items.map((item) => literalFor(item, left.type));
    const byText = new Map(items.map((item) => [this.#print(item), item]));
    const sorted = [...byText].sort(([a, x], [b, y]) => orderOf(x, y) || (a < b ? -1 : 1)).map(([, item]) => item);
    const [only] = sorted;
    if (only !== undefined && sorted.length === 1) {
      return this.#compare({ node: 'compare', type: BOOL, op: '==', left, right: only });
    }
    return { node: 'in', type: BOOL, left, right: { ...right, items: sorted } };
  }
}

/** Numbers by value, enum symbols as declared; anything else by its text. */
function orderOf(a: Expr, b: Expr): number {
  if (a.node !== 'const' || b.node !== 'const') return 0;
  const isNumber = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';
  if (isNumber(a.value) && isNumber(b.value)) return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
  if (a.type.kind !== 'enum') return 0;
  return a.type.of.symbols.indexOf(String(a.value)) - a.type.of.symbols.indexOf(String(b.value));
}

/** What `expr` compares for equality, when all of it is constants that are not null or bytes. */
function alternativesOf(expr: Expr): { readonly left: Expr; readonly items: readonly Expr[] } | undefined {
  const isPlain = (item: Expr): boolean =>
    item.node === 'const' && item.value !== null && !(item.value instanceof Uint8Array);
  if (expr.node === 'compare' && expr.op === '==' && isPlain(expr.right) && expr.left.node !== 'const') {
    return { left: expr.left, items: [expr.right] };
  }
  if (
    expr.node === 'in' &&
    expr.right.node === 'list' &&
    expr.right.items.length > 0 &&
    expr.right.items.every(isPlain)
  ) {
    return { left: expr.left, items: expr.right.items };
  }
  return undefined;
}

const listOf = (left: Expr, items: readonly Expr[]): Expr => ({
  node: 'list',
  type: { kind: 'list', of: left.type },
  items,
});

/** A numeric literal in the type it is compared with, where that is exact: `value > 90` on a double is `value > 90.0`. */
function literalFor(expr: Expr, other: CelType): Expr {
  if (expr.node !== 'const') return expr;
  const { value } = expr;
  const isInteger = expr.type.kind === 'int' || expr.type.kind === 'uint';
  if (typeof value === 'bigint' && isInteger && isExact(Number(value))) {
    if (other.kind === 'double') return constant({ kind: 'double' }, Number(value));
    if (other.kind === 'int') return constant({ kind: 'int' }, value);
  }
  if (typeof value === 'number' && other.kind === 'int' && isExact(value))
    return constant({ kind: 'int' }, BigInt(value));
  return expr;
}

const isExact = (value: number): boolean => Number.isSafeInteger(value);

function symbolsIn(expr: Expr): readonly string[] {
  if (expr.node === 'const' && expr.type.kind === 'enum') return [String(expr.value)];
  return childrenOf(expr).flatMap(symbolsIn);
}

/** Variables of macros are named v0, v1, … by depth, skipping names that mean something else. */
function renameVariables(expr: Expr, taken: ReadonlySet<string>): Expr {
  const nameAt = (depth: number): string => {
    let index = -1;
    for (let found = -1; found < depth; ) if (!taken.has(`v${++index}`)) found++;
    return `v${index}`;
  };
  const visit = (inner: Expr, names: ReadonlyMap<string, string>, depth: number): Expr => {
    const go = (child: Expr): Expr => visit(child, names, depth);
    switch (inner.node) {
      case 'variable':
        return { ...inner, name: names.get(inner.name) ?? inner.name };
      case 'comprehension': {
        const variable = nameAt(depth);
        const scope = new Map([...names, [inner.variable, variable]]);
        const bodies = inner.bodies.map((body) => visit(body, scope, depth + 1));
        return { ...inner, range: go(inner.range), variable, bodies };
      }
      case 'and':
      case 'or':
      case 'call':
        return { ...inner, args: inner.args.map(go) };
      case 'not':
      case 'select':
        return { ...inner, of: go(inner.of) };
      case 'has':
        return inner.of === undefined ? inner : { ...inner, of: go(inner.of) };
      case 'compare':
      case 'in':
        return { ...inner, left: go(inner.left), right: go(inner.right) };
      case 'index':
        return { ...inner, of: go(inner.of), key: go(inner.key) };
      case 'conditional':
        return { ...inner, test: go(inner.test), whenTrue: go(inner.whenTrue), whenFalse: go(inner.whenFalse) };
      case 'list':
        return { ...inner, items: inner.items.map(go) };
      case 'map':
        return { ...inner, entries: inner.entries.map(([key, value]) => [go(key), go(value)]) };
      default:
        return inner;
    }
  };
  return visit(expr, new Map(), 0);
}
