// A checked filter as CEL text. Canonical filters are printed here, and so are the expressions handed to @bufbuild/cel.

import type { Const, Expr } from './ast.ts';
import type { CelType } from './types.ts';

/** How the parts that depend on the reader of the text are written. */
export interface PrintStyle {
  readonly field: (name: string) => string;
  readonly symbol: (symbol: string) => string;
  /** Text for expressions that have another form for this reader; undefined to print as usual. */
  readonly special?: (expr: Expr, print: (inner: Expr) => string) => string | undefined;
}

const RESERVED = new Set(
  'as break const continue else false for function if import in let loop namespace null package return true var void while'.split(
    ' ',
  ),
);

export const isReservedWord = (name: string): boolean => RESERVED.has(name);

/** Binding strength: what stands inside something stronger needs brackets. */
const CONDITIONAL = 1;
const OR = 2;
const AND = 3;
const RELATION = 4;
const SUM = 5;
const PRODUCT = 6;
const UNARY = 7;
const PRIMARY = 8;

const ARITHMETIC: Readonly<Record<string, number>> = { '+': SUM, '-': SUM, '*': PRODUCT, '/': PRODUCT, '%': PRODUCT };

export function printExpr(expr: Expr, style: PrintStyle): string {
  const print = (inner: Expr): string => style.special?.(inner, print) ?? render(inner);
  /** `inner` in brackets unless it binds at least as strongly as `level`. */
  const at = (inner: Expr, level: number): string => {
    const special = style.special?.(inner, print);
    if (special !== undefined) return special;
    return levelOf(inner) >= level ? render(inner) : `(${render(inner)})`;
  };
  const list = (items: readonly Expr[]): string => items.map((item) => print(item)).join(', ');
  const render = (inner: Expr): string => {
    switch (inner.node) {
      case 'const':
        return printConst(inner, style);
      case 'field':
        return style.field(inner.name);
      case 'variable':
        return inner.name;
      case 'select':
        return `${at(inner.of, PRIMARY)}.${inner.field}`;
      case 'index':
        return `${at(inner.of, PRIMARY)}[${print(inner.key)}]`;
      case 'has':
        return `has(${inner.of === undefined ? style.field(inner.field) : `${at(inner.of, PRIMARY)}.${inner.field}`})`;
      case 'or':
        return inner.args.map((arg) => at(arg, AND)).join(' || ');
      case 'and':
        return inner.args.map((arg) => at(arg, RELATION)).join(' && ');
      case 'not':
        return `!${at(inner.of, PRIMARY)}`;
      case 'compare':
        return `${at(inner.left, SUM)} ${inner.op} ${at(inner.right, SUM)}`;
      case 'in':
        return `${at(inner.left, SUM)} in ${at(inner.right, SUM)}`;
      case 'conditional':
        return `${at(inner.test, OR)} ? ${at(inner.whenTrue, OR)} : ${at(inner.whenFalse, OR)}`;
      case 'list':
        return `[${list(inner.items)}]`;
      case 'map':
        return `{${inner.entries.map(([key, value]) => `${print(key)}: ${print(value)}`).join(', ')}}`;
      case 'comprehension':
        return `${at(inner.range, PRIMARY)}.${inner.macro}(${inner.variable}, ${list(inner.bodies)})`;
      case 'call': {
        const [first, second] = inner.args;
        const level = ARITHMETIC[inner.name];
        if (first !== undefined && second !== undefined && level !== undefined) {
          return `${at(first, level)} ${inner.name} ${at(second, level + 1)}`;
        }
        if (inner.name === 'neg' && first !== undefined) return `-${at(first, PRIMARY)}`;
        if (!inner.method || first === undefined) return `${inner.name}(${list(inner.args)})`;
        return `${at(first, PRIMARY)}.${inner.name}(${list(inner.args.slice(1))})`;
      }
    }
  };
  return print(expr);
}

function levelOf(expr: Expr): number {
  switch (expr.node) {
    case 'conditional':
      return CONDITIONAL;
    case 'or':
      return OR;
    case 'and':
      return AND;
    case 'compare':
    case 'in':
      return RELATION;
    case 'not':
      return UNARY;
    case 'call':
      return expr.name === 'neg' ? UNARY : (ARITHMETIC[expr.name] ?? PRIMARY);
    case 'const': {
      const { value } = expr;
      const isNegative =
        typeof value === 'bigint' ? value < 0n : typeof value === 'number' && !(Object.is(value, 0) || value > 0);
      const isCall = expr.type.kind === 'timestamp' || expr.type.kind === 'duration';
      return isNegative && !isCall ? UNARY : PRIMARY;
    }
    default:
      return PRIMARY;
  }
}

function printConst({ type, value }: Const, style: PrintStyle): string {
  if (type.kind === 'enum') return style.symbol(String(value));
  if (typeof value === 'string') return type.kind === 'type' ? value : printString(value);
  if (typeof value === 'bigint') return printInteger(value, type);
  if (typeof value === 'number') return printDouble(value);
  if (value instanceof Uint8Array) {
    return `b"${Array.from(value, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;
  }
  return String(value);
}

function printInteger(value: bigint, { kind }: CelType): string {
  if (kind === 'timestamp') return `timestamp("${printTimestamp(value)}")`;
  if (kind === 'duration') return `duration("${printSeconds(value)}s")`;
  return kind === 'uint' ? `${value}u` : String(value);
}

/** JSON's escapes are CEL's too. */
export const printString = (value: string): string => JSON.stringify(value);

function printDouble(value: number): string {
  const text = Object.is(value, -0) ? '-0.0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

const NS_PER_SECOND = 1_000_000_000n;

function printSeconds(ns: bigint): string {
  const magnitude = ns < 0n ? -ns : ns;
  const fraction = fractionOf(magnitude % NS_PER_SECOND);
  return `${ns < 0n ? '-' : ''}${magnitude / NS_PER_SECOND}${fraction}`;
}

function printTimestamp(ns: bigint): string {
  const rest = ((ns % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  const seconds = (ns - rest) / NS_PER_SECOND;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fractionOf(rest)}Z`;
}

const fractionOf = (ns: bigint): string => (ns === 0n ? '' : `.${String(ns).padStart(9, '0').replace(/0+$/, '')}`);
