// A checked filter as closures over events of one writer's schema: compiled once, then tens of nanoseconds an event.
// Paths into the event are resolved here; what cannot be a closure falls back to @bufbuild/cel, clause by clause.

import type { AvroField, AvroRecord, AvroType } from '../avro/avro-type.ts';
import { normalLong } from '../avro/decoded-event.ts';
import { decodedDefault } from '../avro/default-value.ts';
import type { Comprehension, Const, Expr, Has, Index, Logic, Select } from './ast.ts';
import { childrenOf } from './ast.ts';
import { compileCall } from './compile-call.ts';
import { compileCompare, compileIn } from './compile-compare.ts';
import type { Compiled, Compiler, Path, Run } from './compiled.ts';
import { failing } from './compiled.ts';
import type { FallbackSource } from './fallback.ts';
import { compileFallback } from './fallback.ts';
import type { ParsedInput } from './plan.ts';
import { BOOL, celTypeOf, STRING, sameType } from './types.ts';
import { ERROR } from './values.ts';
import { narrow, scalarReader, writerField } from './writer-values.ts';

/** The current item of a macro. One cell is enough: evaluation neither waits nor re-enters. */
interface Cell {
  value: unknown;
}
type Binding = { readonly cell: Cell; readonly item: Path | 'key' };
type Bindings = ReadonlyMap<string, Binding>;

/** @returns a closure that gives true, false, null, or ERROR */
export function compileExpr(expr: Expr, inputs: readonly ParsedInput[], writer: AvroRecord): Run {
  const compiler = new ExprCompiler({ inputs, writer }, new Map());
  return compiler.compileBool(expr) ?? failing;
}

class ExprCompiler implements Compiler {
  readonly #source: FallbackSource;
  readonly #bindings: Bindings;

  constructor(source: FallbackSource, bindings: Bindings) {
    this.#source = source;
    this.#bindings = bindings;
  }

  compileBool(expr: Expr): Run | undefined {
    const compiled = this.compile(expr);
    if (compiled !== undefined) return compiled.run;
    // Inside a macro the variable is ours, not @bufbuild/cel's: then the whole macro falls back.
    return readsVariable(expr) ? undefined : compileFallback(expr, this.#source);
  }

  compile(expr: Expr): Compiled | undefined {
    switch (expr.node) {
      case 'const':
        return compileConst(expr);
      case 'field':
      case 'variable':
      case 'select':
      case 'index':
        return this.#value(expr);
      case 'has':
        return this.#has(expr);
      case 'and':
      case 'or':
        return this.#logic(expr);
      case 'not': {
        const of = this.compileBool(expr.of);
        return of === undefined ? undefined : { run: (event) => negated(of(event)), type: BOOL };
      }
      case 'compare':
        return compileCompare(this, expr);
      case 'in':
        return compileIn(this, expr);
      case 'call':
        return compileCall(this, expr);
      case 'conditional': {
        const test = this.compileBool(expr.test);
        const whenTrue = this.compile(expr.whenTrue);
        const whenFalse = this.compile(expr.whenFalse);
        if (test === undefined || whenTrue === undefined || whenFalse === undefined) return undefined;
        if (!sameType(whenTrue.type, whenFalse.type)) return undefined;
        return {
          ...whenTrue,
          symbols: whenTrue.symbols ?? whenFalse.symbols,
          run: choose(test, whenTrue.run, whenFalse.run),
        };
      }
      case 'comprehension':
        return this.#comprehension(expr);
      default:
        return undefined;
    }
  }

  path(expr: Expr): Path | undefined {
    switch (expr.node) {
      case 'field':
        return this.#field(expr.name);
      case 'select':
        return this.#select(expr);
      case 'index':
        return this.#index(expr);
      case 'variable': {
        const binding = this.#bindings.get(expr.name);
        return binding === undefined || binding.item === 'key' ? undefined : binding.item;
      }
      default:
        return undefined;
    }
  }

  #value(expr: Expr): Compiled | undefined {
    if (expr.node === 'variable') {
      const binding = this.#bindings.get(expr.name);
      if (binding?.item === 'key') return { run: () => binding.cell.value, type: STRING };
    }
    const path = this.path(expr);
    return path === undefined ? undefined : valueAt(path);
  }

  #field(name: string): Path | undefined {
    const input = this.#source.inputs.find((candidate) => candidate.name === name);
    if (input === undefined) return undefined;
    const written = writerField(this.#source.writer.fields, input);
    if (written === undefined) return missing(input);
    const key = written.name;
    return { run: (event) => event[key], writer: written.type, plan: input.type };
  }

  #select({ of, field }: Select): Path | undefined {
    const parent = this.#record(of);
    if (parent === undefined) return undefined;
    const wanted = parent.plan.fields.find(({ name }) => name === field);
    if (wanted === undefined) return undefined;
    const written = parent.writer === undefined ? undefined : writerField(parent.writer.fields, wanted);
    const { run } = parent;
    if (written === undefined) {
      const absent = missing(wanted);
      return { ...absent, run: (event) => (isObject(run(event)) ? absent.run(event) : ERROR) };
    }
    const key = written.name;
    const get = (event: Parameters<Run>[0]): unknown => {
      const record = run(event);
      return isObject(record) ? record[key] : ERROR;
    };
    return { run: get, writer: written.type, plan: wanted.type };
  }

  /** A closure for the record that `expr` gives: an object, null, or ERROR. */
  #record(
    expr: Expr,
  ): { readonly run: Run; readonly writer: AvroRecord | undefined; readonly plan: AvroRecord } | undefined {
    const path = this.path(expr);
    const narrowed = path === undefined ? undefined : narrow(path.writer, path.plan);
    if (path === undefined || narrowed?.plan.kind !== 'record') return undefined;
    if (narrowed.writer.kind !== 'record') return { run: failing, writer: undefined, plan: narrowed.plan };
    return { run: opened(path, narrowed.open), writer: narrowed.writer, plan: narrowed.plan };
  }

  #index({ of, key }: Index): Path | undefined {
    const path = this.path(of);
    const narrowed = path === undefined ? undefined : narrow(path.writer, path.plan);
    const index = this.compile(key);
    if (path === undefined || narrowed === undefined || index === undefined) return undefined;
    const run = opened(path, narrowed.open);
    const { writer, plan } = narrowed;
    if (plan.kind === 'array' && index.type.kind === 'int') {
      if (writer.kind !== 'array') return { run: failing, writer: plan.items, plan: plan.items };
      const at: Run = (event) => itemAt(run(event), index.run(event));
      return { run: at, writer: writer.items, plan: plan.items };
    }
    if (plan.kind === 'map' && index.type.kind === 'string') {
      if (writer.kind !== 'map') return { run: failing, writer: plan.values, plan: plan.values };
      const at: Run =
        key.node === 'const' ? entryOf(run, String(key.value)) : (event) => entryAt(run(event), index.run(event));
      return { run: at, writer: writer.values, plan: plan.values };
    }
    return undefined;
  }

  #has({ of, field }: Has): Compiled | undefined {
    if (of === undefined) {
      const path = this.#field(field);
      const run = path === undefined ? undefined : readable(path);
      if (run === undefined) return undefined;
      return { type: BOOL, run: (event) => isPresent(run(event)) };
    }
    const parent = this.#record(of);
    const wanted = parent?.plan.fields.find(({ name }) => name === field);
    if (parent === undefined || wanted === undefined) return undefined;
    const written = parent.writer === undefined ? undefined : writerField(parent.writer.fields, wanted);
    const { run } = parent;
    const get: Run = (event) => Reflect.get(Object(run(event)), written?.name ?? '');
    const value = readable(
      written === undefined ? missing(wanted) : { run: get, writer: written.type, plan: wanted.type },
    );
    if (value === undefined) return undefined;
    return {
      type: BOOL,
      run: (event) => {
        const record = run(event);
        return record === null ? false : record === ERROR ? ERROR : isPresent(value(event));
      },
    };
  }

  #logic({ node, args }: Logic): Compiled | undefined {
    const runs: Run[] = [];
    for (const arg of args) {
      const run = this.compileBool(arg);
      if (run === undefined) return undefined;
      runs.push(run);
    }
    return { run: node === 'and' ? allOf(runs) : anyOf(runs), type: BOOL };
  }

  #comprehension(expr: Comprehension): Compiled | undefined {
    const { macro, range, variable, bodies } = expr;
    const path = this.path(range);
    const narrowed = path === undefined ? undefined : narrow(path.writer, path.plan);
    const [body] = bodies;
    if (path === undefined || narrowed === undefined || body === undefined || macro === 'map' || macro === 'filter') {
      return undefined;
    }
    if (narrowed.writer.kind !== narrowed.plan.kind) return { run: failing, type: BOOL };
    const cell: Cell = { value: undefined };
    const item = itemPath(cell, narrowed.writer, narrowed.plan);
    if (item === undefined) return undefined;
    const inner = new ExprCompiler(this.#source, new Map([...this.#bindings, [variable, { cell, item }]]));
    const test = inner.compileBool(body);
    if (test === undefined) return undefined;
    const fold = FOLDS[macro];
    const run = opened(path, narrowed.open);
    const isMap = item === 'key';
    return {
      type: BOOL,
      run: (event) => {
        const found = run(event);
        if (!isObject(found)) return ERROR;
        return fold(isMap ? Object.keys(found) : found, cell, () => test(event));
      },
    };
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const isPresent = (value: unknown): boolean => value !== null && value !== undefined && value !== ERROR;
const negated = (value: unknown): unknown => (value === true ? false : value === false ? true : ERROR);

/** The value at `path` as far as has() cares: null or ERROR when there is none that can be read. */
const readable = (path: Path): Run | undefined => valueAt(path)?.run;

function itemPath(cell: Cell, writer: AvroType, plan: AvroType): Binding['item'] | undefined {
  const run = (): unknown => cell.value;
  if (writer.kind === 'array' && plan.kind === 'array') return { run, writer: writer.items, plan: plan.items };
  return plan.kind === 'map' ? 'key' : undefined;
}

const opened =
  ({ run }: Path, open: (decoded: unknown) => unknown): Run =>
  (event) => {
    const found = run(event);
    return found === ERROR ? ERROR : open(found);
  };

/** A field that the writer's record lacks: the default of the topic's schema, or an error. */
function missing(field: Pick<AvroField, 'type' | 'hasDefault' | 'default'>): Path {
  const value = field.hasDefault ? decodedDefault(field.default, field.type) : ERROR;
  return { run: () => value, writer: field.type, plan: field.type };
}

function valueAt(path: Path): Compiled | undefined {
  const narrowed = narrow(path.writer, path.plan);
  if (narrowed === undefined) return undefined;
  const { plan } = narrowed;
  const type = celTypeOf(path.plan);
  if (plan.kind === 'record' || plan.kind === 'array' || plan.kind === 'map') {
    const run = narrowed.writer.kind === plan.kind ? opened(path, narrowed.open) : failing;
    return { run, type };
  }
  const reader = scalarReader(path.writer, path.plan);
  if (reader === undefined) return undefined;
  const { run: get } = path;
  const { read } = reader;
  const run: Run = (event) => {
    const found = get(event);
    return found === ERROR || found === undefined ? ERROR : read(found);
  };
  const symbols = narrowed.writer.kind === 'enum' ? narrowed.writer.symbols : undefined;
  return { run, type: reader.isDouble && type.kind === 'int' ? { ...type, kind: 'double' } : type, symbols };
}

function compileConst({ type, value }: Const): Compiled | undefined {
  if (type.kind === 'uint' || type.kind === 'type') return undefined;
  const constant = type.kind === 'int' && typeof value === 'bigint' ? normalLong(value) : value;
  return { run: () => constant, type };
}

function itemAt(list: unknown, index: unknown): unknown {
  if (!Array.isArray(list) || typeof index !== 'number' || index < 0 || index >= list.length) return ERROR;
  return list[index];
}

function entryAt(map: unknown, key: unknown): unknown {
  if (!isObject(map) || typeof key !== 'string' || !Object.hasOwn(map, key)) return ERROR;
  return map[key];
}

/** A decoded map is a plain object, so a key such as `constructor` may be found on its prototype. */
function entryOf(run: Run, key: string): Run {
  if (key in Object.prototype) return (event) => entryAt(run(event), key);
  return (event) => {
    const map = run(event);
    if (!isObject(map)) return ERROR;
    const value = map[key];
    return value === undefined ? ERROR : value;
  };
}

const choose =
  (test: Run, whenTrue: Run, whenFalse: Run): Run =>
  (event) => {
    const result = test(event);
    return result === true ? whenTrue(event) : result === false ? whenFalse(event) : ERROR;
  };

/** false when any is false, else an error when any is one, else true. */
function allOf(runs: readonly Run[]): Run {
  return (event) => {
    let result: boolean | typeof ERROR = true;
    for (const run of runs) {
      const value = run(event);
      if (value === false) return false;
      if (value !== true) result = ERROR;
    }
    return result;
  };
}

/** true when any is true, else an error when any is one, else false. */
function anyOf(runs: readonly Run[]): Run {
  return (event) => {
    let result: boolean | typeof ERROR = false;
    for (const run of runs) {
      const value = run(event);
      if (value === true) return true;
      if (value !== false) result = ERROR;
    }
    return result;
  };
}

type Fold = (items: unknown, cell: Cell, test: () => unknown) => boolean | typeof ERROR;

const FOLDS: Readonly<Record<'exists' | 'all' | 'exists_one', Fold>> = {
  exists: until(true),
  all: until(false),
  exists_one(items, cell, test) {
    let matches: number | typeof ERROR = 0;
    for (const item of Array.isArray(items) ? items : []) {
      cell.value = item;
      const value = test();
      if (typeof value !== 'boolean') matches = ERROR;
      else if (value && matches !== ERROR) matches++;
    }
    return matches === ERROR ? ERROR : matches === 1;
  },
};

/** `exists` stops at the first true, `all` at the first false; an error counts only if nothing stops them. */
function until(decisive: boolean): Fold {
  return (items, cell, test) => {
    let result: boolean | typeof ERROR = !decisive;
    for (const item of Array.isArray(items) ? items : []) {
      cell.value = item;
      const value = test();
      if (value === decisive) return decisive;
      if (value !== !decisive) result = ERROR;
    }
    return result;
  };
}

const readsVariable = (expr: Expr, bound: ReadonlySet<string> = new Set()): boolean => {
  if (expr.node === 'variable') return !bound.has(expr.name);
  if (expr.node !== 'comprehension') return childrenOf(expr).some((child) => readsVariable(child, bound));
  const inner = new Set([...bound, expr.variable]);
  return readsVariable(expr.range, bound) || expr.bodies.some((body) => readsVariable(body, inner));
};
