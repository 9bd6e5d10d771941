// Filters → predicates on events of one writer's schema. `&&` and `||` become predicates over their parts; every other
// clause is decided on bytes where that is exact, from a table where it reads one enum or boolean, and otherwise by the
// closures of schemas/plan on a lazily decoded event: all of CEL works.

import type { AvroRecord } from '../../../../schemas/avro/avro-type.ts';
import { type Expr, fieldsReadBy } from '../../../../schemas/plan/ast.ts';
import { compileExpr } from '../../../../schemas/plan/compile.ts';
import type { ParsedInput, Plan } from '../../../../schemas/plan/plan.ts';
import { printExpr } from '../../../../schemas/plan/print.ts';
import { soleType, writerField } from '../../../../schemas/plan/writer-values.ts';
import type { FieldPlace, Layout } from '../scan/layout.ts';
import type { AttributeTable } from './attribute-table.ts';
import type { EventView } from './event-view.ts';
import { type Leaf, leafOf } from './leaf-predicates.ts';
import {
  type Access,
  allTrue,
  anyTrue,
  byCost,
  COST,
  newPredicate,
  type Predicate,
  PredicateTable,
} from './predicate.ts';

const STYLE = { field: (name: string): string => name, symbol: (symbol: string): string => symbol };

/** A filter that was read from its plan. */
export interface ParsedFilter {
  readonly expr: Expr;
  readonly inputs: readonly ParsedInput[];
  readonly plan: Plan;
}

export class PredicateCompiler {
  readonly #writer: AvroRecord;
  readonly #layout: Layout;
  readonly #view: EventView;
  readonly #attributes: AttributeTable;
  readonly #table = new PredicateTable();

  constructor(layout: Layout, view: EventView, attributes: AttributeTable) {
    this.#writer = layout.record;
    this.#layout = layout;
    this.#view = view;
    this.#attributes = attributes;
  }

  /** @returns what must be released when the filter goes */
  retain(filter: ParsedFilter): Predicate {
    return this.#retain(filter.expr, filter);
  }

  release(predicate: Predicate): void {
    this.#table.release(predicate);
  }

  #retain(expr: Expr, filter: ParsedFilter): Predicate {
    const text = printExpr(expr, STYLE);
    const key = `${text}\n${typesKey(expr, filter.plan)}`;
    return this.#table.retain(key, () => this.#make(expr, filter, text, key));
  }

  #make(expr: Expr, filter: ParsedFilter, text: string, key: string): Predicate {
    if (expr.node === 'and' || expr.node === 'or') {
      const parts = expr.args.map((arg) => this.#retain(arg, filter));
      const ordered = byCost(parts);
      const isAll = expr.node === 'and';
      const cost = parts.reduce((sum, part) => sum + part.cost, 0);
      const test = isAll ? () => allTrue(ordered) : () => anyTrue(ordered);
      return newPredicate({ key, text, cost, test, kind: expr.node, parts });
    }
    const constant = this.#constant(expr, filter);
    if (constant !== undefined) return newPredicate({ key, text, cost: 0, test: () => constant, kind: 'const' });
    return newPredicate({ key, text, ...this.#leaf(expr, filter) });
  }

  #leaf(expr: Expr, filter: ParsedFilter): Leaf {
    const { inputs } = filter;
    const onBytes =
      this.#symbolTable(expr, filter) ?? leafOf(expr, { inputs, layout: this.#layout, attributes: this.#attributes });
    if (onBytes) return onBytes;
    const run = compileExpr(expr, inputs, this.#writer);
    const view = this.#view;
    let serial = -1;
    let result = false;
    const test = (): boolean => {
      if (serial === view.serial) return result;
      serial = view.serial;
      result = run(view.decoded) === true;
      return result;
    };
    return { cost: COST.decoded, test };
  }

  /** Decided once and for all when the writer has none of the fields: their defaults, or errors, never change. */
  #constant(expr: Expr, { inputs }: ParsedFilter): boolean | undefined {
    const reads = fieldsReadBy(expr);
    const isWritten = reads.some((name) => this.#writtenPlace(name, inputs) !== undefined);
    return isWritten ? undefined : compileExpr(expr, inputs, this.#writer)({}) === true;
  }

  /** Whatever a clause says about one enum or boolean of the event, it can say only so much: asked once for each symbol. */
  #symbolTable(expr: Expr, { inputs }: ParsedFilter): Leaf | undefined {
    const [name, ...others] = fieldsReadBy(expr);
    const place = name === undefined || others.length > 0 ? undefined : this.#writtenPlace(name, inputs);
    if (!place) return undefined;
    const values = symbolsOf(place);
    const planned = inputs.find((input) => input.name === name)?.type;
    if (values === undefined || planned === undefined || soleType(planned) === undefined) return undefined;
    const run = compileExpr(expr, inputs, this.#writer);
    const answer = (value: unknown): boolean => run({ [place.field.name]: value }) === true;
    const answers = values.map(answer);
    const whenNull = place.isNullable && answer(null);
    const held = { ...place, map: undefined, text: name ?? '' };
    const attribute = this.#attributes.symbol(held);
    const trueAt = answers.flatMap((isTrue, index) => (isTrue ? [index] : []));
    const access: Access = {
      kind: 'symbols',
      of: held.text,
      prior: trueAt.length / values.length,
      postings: () => trueAt.map((index) => attribute.equalTo(index)),
    };
    const test = (): boolean => {
      const index = attribute.index();
      return index < 0 ? whenNull : answers[index] === true;
    };
    const release = (): void => this.#attributes.release('symbol', held);
    return { cost: COST.lookup, test, release, ...(whenNull ? {} : { access }) };
  }

  #writtenPlace(name: string, inputs: readonly ParsedInput[]): FieldPlace | undefined {
    const input = inputs.find((candidate) => candidate.name === name);
    const written = input && writerField(this.#writer.fields, input);
    return this.#layout.fields.find(({ field }) => field === written);
  }
}

/** The values that an enum or boolean can have, by index. */
function symbolsOf({ type }: FieldPlace): readonly (string | boolean)[] | undefined {
  if (type.kind === 'boolean') return [false, true];
  return type.kind === 'enum' ? type.symbols : undefined;
}

/** Two plans may say the same of fields that their topic's schema had differently. */
function typesKey(expr: Expr, { inputs }: Plan): string {
  const read = new Set(fieldsReadBy(expr));
  return JSON.stringify(inputs.filter(({ name }) => read.has(name)));
}
