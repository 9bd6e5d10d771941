// A type-checked filter as a tree: what canonicalisation, the compiler, explain and the matching index work on.
// `&&` and `||` are n-ary; a map is always read by Index; enum constants, timestamps and durations are Const.

import type { CelType } from './types.ts';

export type Expr =
  | Const
  | Field
  | Variable
  | Select
  | Index
  | Has
  | Logic
  | Not
  | Compare
  | In
  | Call
  | Conditional
  | ListExpr
  | MapExpr
  | Comprehension;

/** int and uint as bigint; enum as its symbol; a type as its name; timestamp and duration as nanoseconds in a bigint. */
export type ConstValue = boolean | bigint | number | string | null | Uint8Array;

export interface Const {
  readonly node: 'const';
  readonly type: CelType;
  readonly value: ConstValue;
}

/** A top-level field of the event. */
export interface Field {
  readonly node: 'field';
  readonly type: CelType;
  readonly name: string;
}

/** The variable of an enclosing Comprehension. */
export interface Variable {
  readonly node: 'variable';
  readonly type: CelType;
  readonly name: string;
}

/** A field of a nested record. */
export interface Select {
  readonly node: 'select';
  readonly type: CelType;
  readonly of: Expr;
  readonly field: string;
}

/** `of[key]`: a list by position, a map by key. */
export interface Index {
  readonly node: 'index';
  readonly type: CelType;
  readonly of: Expr;
  readonly key: Expr;
}

/** Whether a field has a value other than null; `of` is undefined for a field of the event itself. */
export interface Has {
  readonly node: 'has';
  readonly type: CelType;
  readonly of: Expr | undefined;
  readonly field: string;
}

export interface Logic {
  readonly node: 'and' | 'or';
  readonly type: CelType;
  readonly args: readonly Expr[];
}

export interface Not {
  readonly node: 'not';
  readonly type: CelType;
  readonly of: Expr;
}

export type CompareOp = '==' | '!=' | '<' | '<=' | '>' | '>=';

export interface Compare {
  readonly node: 'compare';
  readonly type: CelType;
  readonly op: CompareOp;
  readonly left: Expr;
  readonly right: Expr;
}

/** `left in right`: right is a list (usually a ListExpr of Const) or a map. */
export interface In {
  readonly node: 'in';
  readonly type: CelType;
  readonly left: Expr;
  readonly right: Expr;
}

/** Arithmetic (`+ - * / %`, `neg`), methods (target in args[0]) and functions. */
export interface Call {
  readonly node: 'call';
  readonly type: CelType;
  readonly name: string;
  readonly method: boolean;
  readonly args: readonly Expr[];
}

export interface Conditional {
  readonly node: 'conditional';
  readonly type: CelType;
  readonly test: Expr;
  readonly whenTrue: Expr;
  readonly whenFalse: Expr;
}

export interface ListExpr {
  readonly node: 'list';
  readonly type: CelType;
  readonly items: readonly Expr[];
}

export interface MapExpr {
  readonly node: 'map';
  readonly type: CelType;
  readonly entries: readonly (readonly [key: Expr, value: Expr])[];
}

export type Macro = 'exists' | 'all' | 'exists_one' | 'map' | 'filter';

/** `range.macro(variable, …bodies)`; only `map` may have two bodies (a condition and a result). */
export interface Comprehension {
  readonly node: 'comprehension';
  readonly type: CelType;
  readonly macro: Macro;
  readonly range: Expr;
  readonly variable: string;
  readonly bodies: readonly Expr[];
}

export const childrenOf = (expr: Expr): readonly Expr[] => {
  switch (expr.node) {
    case 'const':
    case 'field':
    case 'variable':
      return [];
    case 'select':
    case 'not':
      return [expr.of];
    case 'has':
      return expr.of === undefined ? [] : [expr.of];
    case 'index':
      return [expr.of, expr.key];
    case 'and':
    case 'or':
    case 'call':
      return expr.args;
    case 'compare':
    case 'in':
      return [expr.left, expr.right];
    case 'conditional':
      return [expr.test, expr.whenTrue, expr.whenFalse];
    case 'list':
      return expr.items;
    case 'map':
      return expr.entries.flat();
    case 'comprehension':
      return [expr.range, ...expr.bodies];
  }
};

/** Names of the event's fields that `expr` reads, sorted. */
export function fieldsReadBy(expr: Expr): readonly string[] {
  const names = new Set<string>();
  const visit = (inner: Expr): void => {
    if (inner.node === 'field') names.add(inner.name);
    if (inner.node === 'has' && inner.of === undefined) names.add(inner.field);
    for (const child of childrenOf(inner)) visit(child);
  };
  visit(expr);
  return [...names].sort();
}
