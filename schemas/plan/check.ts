// Type-checks a parsed filter against the fields of an event schema and gives the typed tree of ast.ts.
//
// Enum symbols are bare names in CEL text. They mean something only beside a value of an enum type, so types flow both
// ways: `severity >= WARNING` checks the left side first and expects its enum on the right.

import { nearestName } from '../nearest-name.ts';
import type { Comprehension, Const, Expr, Macro } from './ast.ts';
import type { CallContext } from './check-call.ts';
import { checkCall } from './check-call.ts';
import { MAX_FILTER_DEPTH, MAX_LIST_ITEMS } from './limits.ts';
import type { ParsedFilter, SyntaxNode } from './parse.ts';
import { parseFilter } from './parse.ts';
import type { FilterErrorCode } from './place.ts';
import { filterError } from './place.ts';
import type { CelType } from './types.ts';
import { BOOL, celTypeOf, DYN, INT, nameOf, STRING, unify } from './types.ts';

/** The type of each top-level field that a filter may read. */
export type FieldTypes = ReadonlyMap<string, CelType>;

/** What a name that stands for a known value is replaced by, before it is checked; the node itself when it is none. */
export type Substitute = (node: SyntaxNode, at: SubstitutionPlace) => SyntaxNode;

export interface SubstitutionPlace {
  /** Whether a macro has taken the name there. */
  isVariable(name: string): boolean;
  fail(code: FilterErrorCode, details: Readonly<Record<string, unknown>>): never;
}

const AS_WRITTEN: Substitute = (node) => node;

type Variables = ReadonlyMap<string, CelType>;
interface Scope {
  readonly variables: Variables;
  readonly depth: number;
}

const MACROS: ReadonlyMap<string, Macro> = new Map([
  ['exists', 'exists'],
  ['all', 'all'],
  ['exists_one', 'exists_one'],
  ['existsOne', 'exists_one'],
  ['map', 'map'],
  ['filter', 'filter'],
]);
/** Prefix under which a field with a reserved name can be read: `event.namespace`. */
export const EVENT_PREFIX = 'event';
const TYPE_NAMES = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type']);
const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;
const MAX_UINT = 2n ** 64n - 1n;

/**
 * @param text a filter
 * @param substitute only for filters that the service itself demands: what others write means what it says
 * @returns its tree; the root is bool or dyn
 * @throws MdsError one of `MDS_FILTER_…`, with `details.at`
 */
export function checkText(text: string, fields: FieldTypes, substitute: Substitute = AS_WRITTEN): Expr {
  const parsed = parseFilter(text);
  const expr = new Checker(parsed, fields, substitute).check(parsed.root, { variables: new Map(), depth: 0 });
  if (expr.type.kind !== 'bool' && expr.type.kind !== 'dyn') {
    const hint = expr.node === 'field' ? `; compare ${expr.name} with something` : '';
    throw filterError('MDS_FILTER_NOT_BOOLEAN', parsed.placeOf(parsed.root), { found: nameOf(expr.type) + hint });
  }
  return expr;
}

class Checker {
  readonly #parsed: ParsedFilter;
  readonly #fields: FieldTypes;
  readonly #substitute: Substitute;

  constructor(parsed: ParsedFilter, fields: FieldTypes, substitute: Substitute) {
    this.#parsed = parsed;
    this.#fields = fields;
    this.#substitute = substitute;
  }

  /** @param expected the type of the other side of an operator, which gives bare names their meaning */
  check(written: SyntaxNode, outer: Scope, expected?: CelType): Expr {
    const scope = { ...outer, depth: outer.depth + 1 };
    const node = this.#substituted(written, scope);
    if (scope.depth > MAX_FILTER_DEPTH) {
      this.#fail('MDS_FILTER_TOO_DEEP', node, { depth: scope.depth, limit: MAX_FILTER_DEPTH });
    }
    const { exprKind } = node;
    switch (exprKind.case) {
      case 'constExpr':
        return this.#constant(node, exprKind.value.constantKind, expected);
      case 'identExpr':
        return this.#name(node, exprKind.value.name, scope, expected);
      case 'selectExpr':
        return exprKind.value.testOnly ? this.#has(node, scope) : this.#select(node, scope);
      case 'listExpr':
        return this.#list(node, exprKind.value.elements, scope, expected);
      case 'structExpr':
        return this.#map(node, exprKind.value, scope);
      case 'comprehensionExpr':
        return this.#comprehension(node, scope);
      case 'callExpr': {
        const { target, args, function: name } = exprKind.value;
        if (name === 'has') return this.#hasField(node, args, scope);
        return checkCall(this.#callContext(scope, expected), node, name, target, args);
      }
      default:
        return this.#nestedMacro(node, scope);
    }
  }

  #substituted(node: SyntaxNode, { variables }: Scope): SyntaxNode {
    return this.#substitute(node, {
      isVariable: (name) => variables.has(name),
      fail: (code, details) => this.#fail(code, node, details),
    });
  }

  /** Inside the call that a macro was written as, another macro is only its id. */
  #nestedMacro(node: SyntaxNode, scope: Scope): Expr {
    const call = this.#parsed.macroCallOf(node)?.exprKind;
    if (call?.case !== 'callExpr') {
      return this.#fail('MDS_FILTER_SYNTAX', node, { reason: 'it is not an expression' });
    }
    const [tested] = call.value.args;
    return call.value.function === 'has' && tested !== undefined
      ? this.#has(tested, scope)
      : this.#comprehension(node, scope);
  }

  #callContext(scope: Scope, expected: CelType | undefined): CallContext {
    return {
      expected,
      check: (node, type) => this.check(node, scope, type),
      isOpen: (node) => this.#isOpen(node, scope),
      fail: (code, node, details) => this.#fail(code, node, details),
    };
  }

  #fail(code: FilterErrorCode, node: SyntaxNode, details: Readonly<Record<string, unknown>>): never {
    throw filterError(code, this.#parsed.placeOf(node), details);
  }

  /** Whether only the other side of an operator can say what `node` means. */
  #isOpen(node: SyntaxNode, scope: Scope): boolean {
    const { exprKind } = this.#substituted(node, scope);
    switch (exprKind.case) {
      case 'constExpr':
        return exprKind.value.constantKind.case === 'stringValue';
      case 'identExpr':
        return !scope.variables.has(exprKind.value.name) && !this.#fields.has(exprKind.value.name);
      case 'listExpr':
        return exprKind.value.elements.every((element) => this.#isOpen(element, scope));
      case 'callExpr':
        return (
          exprKind.value.function === '_?_:_' && exprKind.value.args.slice(1).every((arg) => this.#isOpen(arg, scope))
        );
      default:
        return false;
    }
  }

  #constant(node: SyntaxNode, kind: ConstantKind, expected: CelType | undefined): Expr {
    switch (kind.case) {
      case 'boolValue':
        return constant(BOOL, kind.value);
      case 'int64Value':
        if (kind.value >= MIN_INT && kind.value <= MAX_INT) return constant(INT, kind.value);
        return this.#fail('MDS_FILTER_TYPE', node, { reason: `${kind.value} does not fit 64 bits` });
      case 'uint64Value':
        if (kind.value <= MAX_UINT) return constant({ kind: 'uint' }, kind.value);
        return this.#fail('MDS_FILTER_TYPE', node, { reason: `${kind.value}u does not fit 64 bits` });
      case 'doubleValue':
        if (Number.isFinite(kind.value)) return constant({ kind: 'double' }, kind.value);
        return this.#fail('MDS_FILTER_TYPE', node, { reason: 'the number does not fit a double' });
      case 'stringValue':
        return expected?.kind === 'enum' ? this.#symbol(node, kind.value, expected) : constant(STRING, kind.value);
      case 'bytesValue':
        return constant({ kind: 'bytes' }, kind.value);
      case 'nullValue':
        return constant({ kind: 'null' }, null);
      default:
        return this.#fail('MDS_FILTER_SYNTAX', node, { reason: 'unknown kind of constant' });
    }
  }

  #symbol(node: SyntaxNode, symbol: string, type: Extract<CelType, { kind: 'enum' }>): Const {
    const { symbols } = type.of;
    if (symbols.includes(symbol)) return constant({ kind: 'enum', of: type.of }, symbol);
    const reason = `${JSON.stringify(symbol)} is not one of ${symbols.join(', ')}`;
    return this.#fail('MDS_FILTER_TYPE', node, { reason, didYouMean: nearestName(symbol, symbols) });
  }

  #name(node: SyntaxNode, name: string, scope: Scope, expected: CelType | undefined): Expr {
    const variable = scope.variables.get(name);
    if (variable !== undefined) return { node: 'variable', type: variable, name };
    const field = this.#fields.get(name);
    if (field !== undefined) return { node: 'field', type: field, name };
    if (expected?.kind === 'enum' && expected.of.symbols.includes(name)) return this.#symbol(node, name, expected);
    if (expected?.kind === 'type' && TYPE_NAMES.has(name)) return constant(expected, name);
    if (name === 'now') return this.#noClock(node);
    const symbols = expected?.kind === 'enum' ? expected.of.symbols : [];
    const known = [...scope.variables.keys(), ...this.#fields.keys(), ...symbols];
    return this.#fail('MDS_FILTER_UNKNOWN_FIELD', node, { field: name, didYouMean: nearestName(name, known) });
  }

  #noClock(node: SyntaxNode): never {
    return this.#fail('MDS_FILTER_UNSUPPORTED', node, {
      feature: 'now',
      hint: ': a replay must decide the same as the live stream did; compare with a fixed timestamp("…") instead',
    });
  }

  #isEvent(node: SyntaxNode | undefined, scope: Scope): boolean {
    return (
      node?.exprKind.case === 'identExpr' &&
      node.exprKind.value.name === EVENT_PREFIX &&
      !scope.variables.has(EVENT_PREFIX) &&
      !this.#fields.has(EVENT_PREFIX)
    );
  }

  #select(node: SyntaxNode, scope: Scope): Expr {
    if (node.exprKind.case !== 'selectExpr') return this.#fail('MDS_FILTER_SYNTAX', node, { reason: 'no selection' });
    const { operand, field } = node.exprKind.value;
    if (operand === undefined || this.#isEvent(operand, scope))
      return this.#name(node, field, { ...scope, variables: new Map() }, undefined);
    const of = this.check(operand, scope);
    switch (of.type.kind) {
      case 'record':
        return { node: 'select', type: this.#fieldType(node, field, of.type), of, field };
      case 'map':
        return { node: 'index', type: of.type.of, of, key: constant(STRING, field) };
      case 'dyn':
        return { node: 'index', type: DYN, of, key: constant(STRING, field) };
      default:
        return this.#fail('MDS_FILTER_TYPE', node, { reason: `${nameOf(of.type)} has no field ${field}` });
    }
  }

  #fieldType(node: SyntaxNode, field: string, { of }: Extract<CelType, { kind: 'record' }>): CelType {
    const found = of.fields.find(({ name }) => name === field);
    if (found !== undefined) return celTypeOf(found.type);
    const didYouMean = nearestName(
      field,
      of.fields.map(({ name }) => name),
    );
    return this.#fail('MDS_FILTER_UNKNOWN_FIELD', node, { field, didYouMean });
  }

  #has(node: SyntaxNode, scope: Scope): Expr {
    if (node.exprKind.case !== 'selectExpr') return this.#fail('MDS_FILTER_SYNTAX', node, { reason: 'no selection' });
    const { operand, field } = node.exprKind.value;
    if (operand === undefined || this.#isEvent(operand, scope)) return this.#hasTopLevel(node, field, scope);
    const of = this.check(operand, scope);
    switch (of.type.kind) {
      case 'record':
        this.#fieldType(node, field, of.type);
        return { node: 'has', type: BOOL, of, field };
      case 'map':
      case 'dyn':
        return { node: 'in', type: BOOL, left: constant(STRING, field), right: of };
      default:
        return this.#fail('MDS_FILTER_TYPE', node, { reason: `${nameOf(of.type)} has no field ${field}` });
    }
  }

  /** Standard CEL has has(a.b) only; an event's own fields can be tested too. */
  #hasField(node: SyntaxNode, args: readonly SyntaxNode[], scope: Scope): Expr {
    const [arg] = args;
    if (args.length !== 1 || arg?.exprKind.case !== 'identExpr') {
      return this.#fail('MDS_FILTER_TYPE', node, {
        reason: 'has() takes one field, such as has(message) or has(labels.region)',
      });
    }
    return this.#hasTopLevel(arg, arg.exprKind.value.name, scope);
  }

  #hasTopLevel(node: SyntaxNode, field: string, scope: Scope): Expr {
    const checked = this.#name(node, field, scope, undefined);
    if (checked.node === 'field') return { node: 'has', type: BOOL, of: undefined, field };
    return this.#fail('MDS_FILTER_TYPE', node, { reason: `has() takes a field, ${field} is a variable` });
  }

  #list(node: SyntaxNode, elements: readonly SyntaxNode[], scope: Scope, expected: CelType | undefined): Expr {
    if (elements.length > MAX_LIST_ITEMS) {
      this.#fail('MDS_FILTER_TOO_COSTLY', node, { cost: elements.length, limit: MAX_LIST_ITEMS });
    }
    const items = elements.map((element) =>
      this.check(element, scope, expected?.kind === 'list' ? expected.of : undefined),
    );
    const [first, ...rest] = items.map(({ type }) => type);
    const of = first === undefined ? DYN : rest.reduce(unify, first);
    return { node: 'list', type: { kind: 'list', of }, items };
  }

  #map(node: SyntaxNode, struct: StructExpr, scope: Scope): Expr {
    if (struct.messageName !== '') {
      return this.#fail('MDS_FILTER_UNSUPPORTED', node, { feature: `Building a message (${struct.messageName}{…})` });
    }
    const entries = struct.entries.map(({ keyKind, value }): readonly [Expr, Expr] => {
      if (keyKind.case !== 'mapKey' || value === undefined) {
        return this.#fail('MDS_FILTER_SYNTAX', node, { reason: 'a map is written {key: value}' });
      }
      return [this.check(keyKind.value, scope), this.check(value, scope)];
    });
    const [first, ...rest] = entries.map(([, { type }]) => type);
    const hasStringKeys = entries.every(([{ type }]) => type.kind === 'string');
    const type: CelType = hasStringKeys
      ? { kind: 'map', of: first === undefined ? DYN : rest.reduce(unify, first) }
      : DYN;
    return { node: 'map', type, entries };
  }

  #comprehension(node: SyntaxNode, scope: Scope): Comprehension {
    const call = this.#parsed.macroCallOf(node)?.exprKind;
    const macro = call?.case === 'callExpr' ? MACROS.get(call.value.function) : undefined;
    if (call?.case !== 'callExpr' || macro === undefined || call.value.target === undefined) {
      return this.#fail('MDS_FILTER_UNSUPPORTED', node, { feature: 'This macro' });
    }
    const [named, ...bodies] = call.value.args;
    if (named?.exprKind.case !== 'identExpr' || bodies.length === 0) {
      return this.#fail('MDS_FILTER_TYPE', node, { reason: `${macro}() takes a variable and an expression` });
    }
    const range = this.check(call.value.target, scope);
    const variable = named.exprKind.value.name;
    const item = this.#itemType(node, macro, range.type);
    const inner = { ...scope, variables: new Map([...scope.variables, [variable, item]]) };
    const checked = bodies.map((body) => this.check(body, inner));
    checked.forEach((body, i) => {
      const isCondition = macro !== 'map' || (checked.length === 2 && i === 0);
      if (isCondition && body.type.kind !== 'bool' && body.type.kind !== 'dyn') {
        this.#fail('MDS_FILTER_TYPE', bodies[i] ?? node, {
          reason: `${macro}() needs a condition, not ${nameOf(body.type)}`,
        });
      }
    });
    return {
      node: 'comprehension',
      type: resultType(macro, item, checked.at(-1)),
      macro,
      range,
      variable,
      bodies: checked,
    };
  }

  #itemType(node: SyntaxNode, macro: Macro, range: CelType): CelType {
    if (range.kind === 'list') return range.of;
    if (range.kind === 'map') return STRING;
    if (range.kind === 'dyn') return DYN;
    return this.#fail('MDS_FILTER_TYPE', node, {
      reason: `${macro}() works on lists and maps, not on ${nameOf(range)}`,
    });
  }
}

type ConstantKind = Extract<SyntaxNode['exprKind'], { case: 'constExpr' }>['value']['constantKind'];
type StructExpr = Extract<SyntaxNode['exprKind'], { case: 'structExpr' }>['value'];

const constant = (type: CelType, value: Const['value']): Const => ({ node: 'const', type, value });

function resultType(macro: Macro, item: CelType, body: Expr | undefined): CelType {
  if (macro === 'filter') return { kind: 'list', of: item };
  if (macro === 'map') return { kind: 'list', of: body?.type ?? DYN };
  return BOOL;
}
