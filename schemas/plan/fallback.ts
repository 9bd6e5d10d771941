// All of CEL works: a clause that closures cannot express (values of several types, list and map literals, map() and
// filter(), uint, …) is printed for @bufbuild/cel, whose evaluator runs it over the fields it reads.
//
// Enums become their symbols as strings, their order a function `mds_order`; has() on records a function `mds_has`.

import type { CelFunc, CelInput } from '@bufbuild/cel';
import { CelScalar, celFunc, isCelError, isCelMap, parse, plan } from '@bufbuild/cel';
import type { AvroRecord } from '../avro/avro-type.ts';
import type { DecodedEvent } from '../avro/decoded-event.ts';
import { decodedDefault } from '../avro/default-value.ts';
import type { Expr } from './ast.ts';
import { childrenOf, fieldsReadBy } from './ast.ts';
import { celEnvironment } from './cel-environment.ts';
import { celInputReader } from './cel-input.ts';
import type { Run } from './compiled.ts';
import type { ParsedInput } from './plan.ts';
import { printExpr, printString } from './print.ts';
import { compareSymbols, ERROR, ranksOf } from './values.ts';
import { narrow, writerField } from './writer-values.ts';

export interface FallbackSource {
  readonly inputs: readonly ParsedInput[];
  readonly writer: AvroRecord;
}

const { BOOL, DYN, INT, STRING } = CelScalar;
const EVENT = 'event_';
const variableOf = (name: string): string => `f_${name}`;

type Ranks = ReadonlyMap<string, number>;
interface Order {
  readonly topic: Ranks;
  readonly writer: Ranks | undefined;
}

export function compileFallback(expr: Expr, source: FallbackSource): Run {
  const orders: Order[] = [];
  const items = itemSymbols(expr, source);
  const text = printExpr(expr, {
    field: variableOf,
    symbol: printString,
    special: (inner, print) => special(inner, print, source, items, orders),
  });
  const evaluate = plan(celEnvironment(functions(orders)), parse(text));
  const readers = inputReaders(fieldsReadBy(expr), source);
  return (event) => {
    const bindings: Record<string, CelInput> = {};
    const present: Record<string, CelInput> = {};
    for (const [name, read] of readers) {
      const value = read(event);
      if (value === undefined) continue;
      bindings[variableOf(name)] = value;
      present[name] = value;
    }
    bindings[EVENT] = present;
    const result = evaluate(bindings);
    return isCelError(result) ? ERROR : result;
  };
}

function special(
  expr: Expr,
  print: (inner: Expr) => string,
  source: FallbackSource,
  items: ItemSymbols,
  orders: Order[],
): string | undefined {
  if (expr.node === 'has') {
    return `mds_has(${expr.of === undefined ? EVENT : print(expr.of)}, ${printString(expr.field)})`;
  }
  if (expr.node !== 'compare' || expr.left.type.kind !== 'enum' || expr.op === '==' || expr.op === '!=')
    return undefined;
  const symbols =
    items.get(expr.left) ??
    items.get(expr.right) ??
    symbolsWritten(expr.left, source) ??
    symbolsWritten(expr.right, source);
  orders.push({
    topic: ranksOf(expr.left.type.of.symbols),
    writer: symbols === undefined ? undefined : ranksOf(symbols),
  });
  return `(mds_order(${print(expr.left)}, ${print(expr.right)}, ${orders.length - 1}) ${expr.op} 0)`;
}

/** The symbols of the enum that the writer has where `expr` reads; only for plain fields of the event. */
function symbolsWritten(expr: Expr, { inputs, writer }: FallbackSource): readonly string[] | undefined {
  if (expr.node !== 'field') return undefined;
  const input = inputs.find(({ name }) => name === expr.name);
  const written = input === undefined ? undefined : writerField(writer.fields, input);
  if (input === undefined || written === undefined) return undefined;
  const type = narrow(written.type, input.type)?.writer;
  return type?.kind === 'enum' ? type.symbols : undefined;
}

/** By the node that reads a macro's variable: the symbols of the writer's enum, when it walks a list of them. */
type ItemSymbols = ReadonlyMap<Expr, readonly string[]>;

function itemSymbols(root: Expr, source: FallbackSource): ItemSymbols {
  const found = new Map<Expr, readonly string[]>();
  const visit = (expr: Expr, scope: ReadonlyMap<string, readonly string[]>): void => {
    const symbols = expr.node === 'variable' ? scope.get(expr.name) : undefined;
    if (symbols !== undefined) found.set(expr, symbols);
    if (expr.node !== 'comprehension') {
      for (const child of childrenOf(expr)) visit(child, scope);
      return;
    }
    visit(expr.range, scope);
    const inner = new Map(scope);
    const ofItems = symbolsOfItems(expr.range, source);
    if (ofItems === undefined) inner.delete(expr.variable);
    else inner.set(expr.variable, ofItems);
    for (const body of expr.bodies) visit(body, inner);
  };
  visit(root, new Map());
  return found;
}

/** `filter` leaves a list's items as they are, so what walks its result walks the same enum. */
function symbolsOfItems(list: Expr, source: FallbackSource): readonly string[] | undefined {
  if (list.node === 'comprehension' && list.macro === 'filter') return symbolsOfItems(list.range, source);
  if (list.node !== 'field') return undefined;
  const input = source.inputs.find(({ name }) => name === list.name);
  const written = input === undefined ? undefined : writerField(source.writer.fields, input);
  if (input === undefined || written === undefined) return undefined;
  const of = narrow(written.type, input.type);
  if (of?.writer.kind !== 'array' || of.plan.kind !== 'array') return undefined;
  const item = narrow(of.writer.items, of.plan.items)?.writer;
  return item?.kind === 'enum' ? item.symbols : undefined;
}

function functions(orders: readonly Order[]): readonly CelFunc[] {
  return [
    celFunc('mds_has', [DYN, STRING], BOOL, (of, field) => {
      if (of === null) return false;
      if (!isCelMap(of)) throw new Error('has() needs a record');
      return (of.get(field) ?? null) !== null;
    }),
    celFunc('mds_order', [STRING, STRING, INT], INT, (a, b, which) => {
      const order = orders[Number(which)];
      const result = order === undefined ? ERROR : compareSymbols(a, b, order.writer, order.topic);
      if (result === ERROR) throw new Error(`no order between ${a} and ${b}`);
      return BigInt(result);
    }),
  ];
}

type InputReader = (event: DecodedEvent) => CelInput | undefined;

/** Each field as a CEL value, or undefined when the event has none that fits. */
function inputReaders(names: readonly string[], source: FallbackSource): readonly (readonly [string, InputReader])[] {
  return names.map((name) => {
    const input = source.inputs.find((candidate) => candidate.name === name);
    if (input === undefined) return [name, () => undefined];
    const written = writerField(source.writer.fields, input);
    if (written !== undefined) {
      const read = celInputReader(written.type, input.type);
      return [name, (event) => read(event[written.name])];
    }
    const value = input.hasDefault
      ? celInputReader(input.type, input.type)(decodedDefault(input.default, input.type))
      : undefined;
    return [name, () => value];
  });
}
