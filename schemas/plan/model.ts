// The oracle: what a filter means, said as plainly as possible and without any of the compiler. It decodes nothing and
// compiles nothing: it resolves each field to a CEL value and lets @bufbuild/cel's own evaluator run the whole filter.
// Slow on purpose. Property tests compare the compiled evaluator, and later the byte kernel, with it.

import type { CelInput } from '@bufbuild/cel';
import { CelScalar, celEnv, celFunc, isCelMap, mapType, parse, plan as planCel } from '@bufbuild/cel';
import { create } from '@bufbuild/protobuf';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import type { AvroEnum, AvroField, AvroRecord, AvroType } from '../avro/avro-type.ts';
import type { DecodedEvent } from '../avro/decoded-event.ts';
import { decodedDefault } from '../avro/default-value.ts';
import { parseAvroSchema } from '../avro/parse.ts';
import type { Plan } from './plan.ts';

type Node = ReturnType<typeof parse>['expr'];
type Types = ReadonlyMap<string, AvroType>;
const { BOOL, DYN, STRING } = CelScalar;
const MAP = mapType(DYN, DYN);
const EVENT = 'event_';

/** Whether `event`, as decoded with the record `writer`, matches the filter of `plan`. */
export function modelMatches(plan: Plan, writer: AvroRecord, event: DecodedEvent): boolean {
  if (plan.filter === '') return true;
  const bindings: Record<string, CelInput> = {};
  const types = new Map<string, AvroType>();
  for (const input of plan.inputs) {
    const type = parseAvroSchema(input.type);
    const field: AvroField = {
      name: input.name,
      type,
      aliases: input.aliases ?? [],
      hasDefault: 'default' in input,
      default: input.default,
    };
    types.set(input.name, type);
    const value = fieldValue(event, writer, field);
    if (value !== undefined) bindings[input.name] = value;
  }
  const rewrite = new Rewrite(types, enumsOf(writer));
  const root = rewrite.visit(parse(plan.filter).expr, new Map());
  const result = planCel(rewrite.environment(), root)({ ...bindings, [EVENT]: { ...bindings } });
  return result === true;
}

class Misfit extends Error {}

function fieldValue(record: unknown, writer: AvroRecord, field: AvroField): CelInput | undefined {
  const names = writer.fields.map(({ name }) => name);
  const name = names.includes(field.name) ? field.name : names.find((candidate) => field.aliases.includes(candidate));
  const written = writer.fields.find((candidate) => candidate.name === name);
  try {
    if (written !== undefined) return resolve(Reflect.get(Object(record), written.name), written.type, field.type);
    return field.hasDefault ? resolve(decodedDefault(field.default, field.type), field.type, field.type) : undefined;
  } catch (thrown) {
    if (thrown instanceof Misfit) return undefined;
    throw thrown;
  }
}

const FLOATING = ['float', 'double'];
const INTEGER = ['int', 'long'];
const branchesOf = (type: AvroType): readonly AvroType[] => (type.kind === 'union' ? type.branches : [type]);
const nameOf = (type: AvroType): string => ('name' in type ? type.name : type.kind);

/** `value` as decoded by `writer`, as a CEL value of `reader`; throws Misfit when it cannot be read so. */
function resolve(value: unknown, writer: AvroType, reader: AvroType, isDouble = false): CelInput {
  if (writer.kind === 'union') {
    const hasFloat = writer.branches.some(({ kind }) => FLOATING.includes(kind));
    if (value === null) return resolve(null, { kind: 'null' }, reader);
    const others = writer.branches.filter(({ kind }) => kind !== 'null');
    const isPlain = writer.branches.length === 2 && others.length === 1;
    const branch = isPlain ? others[0] : writer.branches.find((candidate) => nameOf(candidate) in Object(value));
    if (branch === undefined) throw new Misfit();
    const inner = isPlain ? value : Reflect.get(Object(value), nameOf(branch));
    return resolve(
      inner,
      branch,
      reader,
      hasFloat && branchesOf(reader).filter(({ kind }) => kind !== 'null').length === 1,
    );
  }
  if (reader.kind === 'union') {
    const fitting = reader.branches.filter((branch) => fits(writer, branch));
    const branch = fitting.find(({ kind }) => kind === writer.kind) ?? fitting[0];
    if (branch === undefined) throw new Misfit();
    return resolve(value, writer, branch, isDouble);
  }
  if (!fits(writer, reader)) throw new Misfit();
  return resolveBare(value, writer, reader, isDouble);
}

const last = (name: string): string | undefined => name.split('.').at(-1);

function fits(writer: AvroType, reader: AvroType): boolean {
  const isNumber = ({ kind }: AvroType): boolean => FLOATING.includes(kind) || INTEGER.includes(kind);
  if (isNumber(writer)) return isNumber(reader);
  if (writer.kind === 'record' && reader.kind === 'record') return last(writer.name) === last(reader.name);
  if (writer.kind === 'fixed' && reader.kind === 'fixed') return writer.size === reader.size;
  const isText = ({ kind }: AvroType): boolean => kind === 'string' || kind === 'bytes';
  return writer.kind === reader.kind || (isText(writer) && isText(reader));
}

function resolveBare(value: unknown, writer: AvroType, reader: AvroType, isDouble: boolean): CelInput {
  switch (reader.kind) {
    case 'null':
      return null;
    case 'boolean':
      return value === true;
    case 'int':
    case 'long':
      if (reader.logical !== undefined && reader.logical.name !== 'decimal') return resolveTime(value, writer, reader);
      return FLOATING.includes(writer.kind) || isDouble
        ? Number(value)
        : BigInt(Number.isInteger(value) ? Number(value) : String(value));
    case 'float':
    case 'double':
      return Number(value);
    case 'string':
      return value instanceof Uint8Array ? utf8(value) : String(value);
    case 'enum':
      return String(value);
    case 'bytes':
    case 'fixed': {
      const isDecimal = reader.logical?.name === 'decimal';
      // A text may be read as bytes, but its bytes are not a number.
      if (isDecimal && !(value instanceof Uint8Array)) throw new Misfit();
      const bytes = value instanceof Uint8Array ? value : new TextEncoder().encode(String(value));
      return isDecimal ? decimal(bytes, reader.logical?.scale ?? 0) : bytes;
    }
    case 'array': {
      const from = writer.kind === 'array' ? writer.items : reader.items;
      return Array.isArray(value) ? value.map((item) => resolve(item, from, reader.items)) : [];
    }
    case 'map': {
      const from = writer.kind === 'map' ? writer.values : reader.values;
      const entries = Object.entries(Object(value));
      return new Map(entries.map(([key, inner]): [string, CelInput] => [key, resolve(inner, from, reader.values)]));
    }
    case 'record': {
      const from = writer.kind === 'record' ? writer : reader;
      const map = new Map<string, CelInput>();
      for (const field of reader.fields) {
        const inner = fieldValue(value, from, field);
        if (inner !== undefined) map.set(field.name, inner);
      }
      return map;
    }
    case 'union':
      throw new Misfit();
  }
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Misfit('not UTF-8', { cause });
  }
}

function decimal(bytes: Uint8Array, scale: number): number {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const unscaled = hex === '' ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`));
  return Number(`${unscaled}e-${scale}`);
}

const UNIT_NS: Readonly<Record<string, bigint>> = { millis: 1_000_000n, micros: 1_000n, nanos: 1n };

function resolveTime(value: unknown, writer: AvroType, reader: AvroType): CelInput {
  if (!INTEGER.includes(writer.kind)) throw new Misfit();
  const readerName = 'logical' in reader ? (reader.logical?.name ?? '') : '';
  const writerName = 'logical' in writer ? (writer.logical?.name ?? '') : '';
  const isDuration = readerName.startsWith('time-');
  const name = writerName !== '' && isDuration === writerName.startsWith('time-') ? writerName : readerName;
  const unit = name === 'date' ? 86_400_000_000_000n : (UNIT_NS[name.split('-').at(-1) ?? ''] ?? 1n);
  const ns = BigInt(String(value)) * unit;
  let nanos = ns % 1_000_000_000n;
  if (nanos < 0n && !isDuration) nanos += 1_000_000_000n;
  const seconds = (ns - nanos) / 1_000_000_000n;
  return create(isDuration ? DurationSchema : TimestampSchema, { seconds, nanos: Number(nanos) });
}

/** The writer's enums by name: their symbols' order counts before that of the topic's schema. */
function enumsOf(writer: AvroRecord): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const seen = new Set<AvroType>();
  const visit = (type: AvroType): void => {
    if (seen.has(type)) return;
    seen.add(type);
    if (type.kind === 'enum') found.set(type.name, type.symbols);
    if (type.kind === 'array') visit(type.items);
    if (type.kind === 'map') visit(type.values);
    if (type.kind === 'union') for (const branch of type.branches) visit(branch);
    if (type.kind === 'record') for (const field of type.fields) visit(field.type);
  };
  visit(writer);
  return found;
}

const codePoints = (text: string): readonly number[] => Array.from(text, (char) => char.codePointAt(0) ?? 0);

function stringOrder(a: string, b: string): number {
  const [x, y] = [codePoints(a), codePoints(b)];
  const at = x.findIndex((point, i) => point !== y[i]);
  if (at < 0) return x.length - y.length;
  return (x[at] ?? 0) - (y[at] ?? -1);
}

/** Takes what this project adds to CEL (bare enum symbols, their order, has() on fields) out of a syntax tree. */
class Rewrite {
  readonly #fields: Types;
  readonly #writerEnums: ReadonlyMap<string, readonly string[]>;
  readonly #enums = new Map<string, AvroEnum>();

  constructor(fields: Types, writerEnums: ReadonlyMap<string, readonly string[]>) {
    this.#fields = fields;
    this.#writerEnums = writerEnums;
  }

  environment() {
    const order = (a: string, b: string, name: string): number => {
      for (const symbols of [this.#writerEnums.get(name) ?? [], this.#enums.get(name)?.symbols ?? []]) {
        if (symbols.includes(a) && symbols.includes(b)) return symbols.indexOf(a) - symbols.indexOf(b);
      }
      throw new Error('no order');
    };
    const has = (of: unknown, field: string): boolean => {
      if (of === null) return false;
      if (!isCelMap(of)) throw new Error('not a record');
      return (of.get(field) ?? null) !== null;
    };
    return celEnv({
      funcs: [
        celFunc('model_has', [DYN, STRING], BOOL, has),
        // The library's own finds no key whose value is null.
        celFunc('@in', [STRING, MAP], BOOL, (key, map) => [...map.keys()].includes(key)),
        ...(['<', '<=', '>', '>='] as const).flatMap((op) => {
          const test = {
            '<': (n: number) => n < 0,
            '<=': (n: number) => n <= 0,
            '>': (n: number) => n > 0,
            '>=': (n: number) => n >= 0,
          }[op];
          return [
            celFunc(`_${op}_`, [STRING, STRING], BOOL, (a, b) => test(stringOrder(a, b))),
            celFunc(`model_order${op}`, [STRING, STRING, STRING], BOOL, (a, b, name) => test(order(a, b, name))),
          ];
        }),
      ],
    });
  }

  visit(node: Node, scope: Types, expected?: AvroEnum): Node {
    const { exprKind } = node;
    switch (exprKind.case) {
      case 'identExpr': {
        const { name } = exprKind.value;
        if (scope.has(name) || this.#fields.has(name)) return node;
        return expected?.symbols.includes(name) === true ? text(node, name) : node;
      }
      case 'selectExpr':
        return this.#select(node, scope);
      case 'listExpr': {
        const elements = exprKind.value.elements.map((element) => this.visit(element, scope, expected));
        return { ...node, exprKind: { ...exprKind, value: { ...exprKind.value, elements } } };
      }
      case 'structExpr': {
        const entries = exprKind.value.entries.map((entry) =>
          entry.value === undefined ? entry : { ...entry, value: this.visit(entry.value, scope) },
        );
        return { ...node, exprKind: { ...exprKind, value: { ...exprKind.value, entries } } };
      }
      case 'comprehensionExpr':
        return this.#comprehension(node, scope);
      case 'callExpr':
        return this.#call(node, scope, expected);
      default:
        return node;
    }
  }

  #isEvent({ exprKind }: Node): boolean {
    return exprKind.case === 'identExpr' && exprKind.value.name === 'event' && !this.#fields.has('event');
  }

  #select(node: Node, scope: Types): Node {
    if (node.exprKind.case !== 'selectExpr' || node.exprKind.value.operand === undefined) return node;
    const { operand, field, testOnly } = node.exprKind.value;
    if (this.#isEvent(operand))
      return testOnly ? call(node, 'model_has', [ident(node, EVENT), text(node, field)]) : ident(node, field);
    const of = this.visit(operand, scope);
    if (testOnly && this.#typeOf(operand, scope)?.kind === 'record')
      return call(node, 'model_has', [of, text(node, field)]);
    if (testOnly) return call(node, '@in', [text(node, field), of]);
    return { ...node, exprKind: { ...node.exprKind, value: { ...node.exprKind.value, operand: of } } };
  }

  #comprehension(node: Node, scope: Types): Node {
    if (node.exprKind.case !== 'comprehensionExpr') return node;
    const { value } = node.exprKind;
    const { iterRange, accuInit, loopCondition, loopStep, result } = value;
    if (!iterRange || !accuInit || !loopCondition || !loopStep || !result) return node;
    const range = this.#typeOf(iterRange, scope);
    const item: AvroType = range?.kind === 'array' ? range.items : { kind: 'string' };
    const inner = new Map([...scope, [value.iterVar, item] as const, [value.accuVar, { kind: 'null' } as const]]);
    const visited = {
      ...value,
      iterRange: this.visit(iterRange, scope),
      accuInit: this.visit(accuInit, scope),
      loopCondition: this.visit(loopCondition, inner),
      loopStep: this.visit(loopStep, inner),
      result: this.visit(result, inner),
    };
    return { ...node, exprKind: { case: 'comprehensionExpr', value: visited } };
  }

  #call(node: Node, scope: Types, expected: AvroEnum | undefined): Node {
    if (node.exprKind.case !== 'callExpr') return node;
    const { value } = node.exprKind;
    const [first] = value.args;
    if (value.function === 'has' && first?.exprKind.case === 'identExpr') {
      return call(node, 'model_has', [ident(node, EVENT), text(node, first.exprKind.value.name)]);
    }
    const found = value.args.map((arg) => this.#enumOf(arg, scope)).find((type) => type !== undefined);
    const meant = /^(_(==|!=|<|<=|>|>=)_|@in)$/.test(value.function)
      ? found
      : value.function === '_?_:_'
        ? expected
        : undefined;
    const args = value.args.map((arg) => this.visit(arg, scope, meant));
    const op = /^_(<|<=|>|>=)_$/.exec(value.function)?.[1];
    if (meant !== undefined && op !== undefined) {
      this.#enums.set(meant.name, meant);
      return call(node, `model_order${op}`, [...args, text(node, meant.name)]);
    }
    const target = value.target === undefined ? {} : { target: this.visit(value.target, scope) };
    return { ...node, exprKind: { case: 'callExpr', value: { ...value, ...target, args } } };
  }

  #enumOf(node: Node, scope: Types): AvroEnum | undefined {
    if (node.exprKind.case === 'listExpr') {
      return node.exprKind.value.elements
        .map((element) => this.#enumOf(element, scope))
        .find((type) => type !== undefined);
    }
    const type = this.#typeOf(node, scope);
    const item = type?.kind === 'array' ? bare(type.items) : type;
    return item?.kind === 'enum' ? item : undefined;
  }

  #typeOf({ exprKind }: Node, scope: Types): AvroType | undefined {
    switch (exprKind.case) {
      case 'identExpr':
        return bare(scope.get(exprKind.value.name) ?? this.#fields.get(exprKind.value.name));
      case 'selectExpr': {
        const { operand, field } = exprKind.value;
        if (operand !== undefined && this.#isEvent(operand)) return bare(this.#fields.get(field));
        const of = operand === undefined ? undefined : this.#typeOf(operand, scope);
        if (of?.kind === 'map') return bare(of.values);
        return of?.kind === 'record' ? bare(of.fields.find(({ name }) => name === field)?.type) : undefined;
      }
      case 'callExpr': {
        const [a, b, c] = exprKind.value.args;
        if (exprKind.value.function === '_?_:_' && b && c) return this.#typeOf(b, scope) ?? this.#typeOf(c, scope);
        const of = exprKind.value.function === '_[_]' && a ? this.#typeOf(a, scope) : undefined;
        return of?.kind === 'array' ? bare(of.items) : of?.kind === 'map' ? bare(of.values) : undefined;
      }
      default:
        return undefined;
    }
  }
}

function bare(type: AvroType | undefined): AvroType | undefined {
  if (type?.kind !== 'union') return type;
  const others = type.branches.filter(({ kind }) => kind !== 'null');
  return others.length === 1 ? others[0] : type;
}

const text = (at: Node, value: string): Node => ({
  ...at,
  exprKind: {
    case: 'constExpr',
    value: { $typeName: 'cel.expr.Constant', constantKind: { case: 'stringValue', value } },
  },
});
const ident = (at: Node, name: string): Node => ({
  ...at,
  exprKind: { case: 'identExpr', value: { $typeName: 'cel.expr.Expr.Ident', name } },
});
const call = (at: Node, name: string, args: Node[]): Node => ({
  ...at,
  exprKind: { case: 'callExpr', value: { $typeName: 'cel.expr.Expr.Call', function: name, args } },
});
