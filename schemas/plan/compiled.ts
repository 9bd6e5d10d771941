// The small vocabulary that the parts of the compiler share: closures over a decoded event.

import type { AvroType } from '../avro/avro-type.ts';
import type { DecodedEvent } from '../avro/decoded-event.ts';
import type { Expr } from './ast.ts';
import type { CelType } from './types.ts';
import { ERROR } from './values.ts';

export type Run = (event: DecodedEvent) => unknown;

/** An expression as a closure that gives an evaluation value (values.ts). */
export interface Compiled {
  readonly run: Run;
  /** The type as this writer gives it: an int of the plan may be a double here. */
  readonly type: CelType;
  /** For an enum: the symbols of the writer's enum, when the value comes from the writer. */
  readonly symbols?: readonly string[] | undefined;
}

/** A place in the event, whose value is still as decoded. */
export interface Path {
  readonly run: Run;
  readonly writer: AvroType;
  readonly plan: AvroType;
}

/** Gives undefined for what closures cannot express; the clause around it then falls back to @bufbuild/cel. */
export interface Compiler {
  compile(expr: Expr): Compiled | undefined;
  path(expr: Expr): Path | undefined;
  /** A closure for a boolean, by whatever means. */
  compileBool(expr: Expr): Run | undefined;
}

export const failing: Run = () => ERROR;

/** Compiles all or nothing. */
export function compileAll(compiler: Compiler, exprs: readonly Expr[]): readonly Compiled[] | undefined {
  const compiled: Compiled[] = [];
  for (const expr of exprs) {
    const one = compiler.compile(expr);
    if (one === undefined) return undefined;
    compiled.push(one);
  }
  return compiled;
}
