// Which place of the writer's event an expression reads, when it reads just one, by name as filters do (decision 1).

import type { AvroType } from '../../../../schemas/avro/avro-type.ts';
import type { Expr } from '../../../../schemas/plan/ast.ts';
import type { ParsedInput } from '../../../../schemas/plan/plan.ts';
import { canResolve, soleType, writerField } from '../../../../schemas/plan/writer-values.ts';
import { bareType, type FieldPlace, type Layout, type RecordLayout } from '../scan/layout.ts';
import type { HeldPlace } from './attribute-table.ts';

export interface ReadPlace extends HeldPlace {
  /** The plan's type, null aside. */
  readonly planned: AvroType;
}

export interface PlaceSource {
  readonly inputs: readonly ParsedInput[];
  readonly layout: Layout;
}

/** @returns undefined for anything but a value of one type at a known place */
export function placeOf(expr: Expr, source: PlaceSource): ReadPlace | undefined {
  if (expr.node === 'index' && expr.key.node === 'const' && typeof expr.key.value === 'string') {
    return keyPlace(expr.of, expr.key.value, source);
  }
  const found = fieldPlace(expr, source);
  return found && readable({ ...found.place, text: textOf(expr) }, found.type);
}

/** The value behind a key of a map that is reached through records. */
export function keyPlace(map: Expr, key: string, source: PlaceSource): ReadPlace | undefined {
  const found = fieldPlace(map, source);
  const planned = found && soleType(found.type);
  const bytes = exactBytes(key);
  if (!found || planned?.kind !== 'map' || found.place.type.kind !== 'map' || bytes === undefined) return undefined;
  const { type, isNullable } = bareType(found.place.type.values);
  const text = `${textOf(map)}[${JSON.stringify(key)}]`;
  return readable({ slot: -1, type, isNullable, map: found.place.map, mapKey: bytes, text }, planned.values);
}

function readable(place: HeldPlace, plannedType: AvroType): ReadPlace | undefined {
  const planned = soleType(plannedType);
  if (planned === undefined || place.type.kind === 'union' || !canResolve(place.type, planned)) return undefined;
  return { ...place, planned };
}

interface FoundField {
  readonly place: FieldPlace;
  /** As the plan has it. */
  readonly type: AvroType;
}

function fieldPlace(expr: Expr, source: PlaceSource): FoundField | undefined {
  if (expr.node === 'field') {
    const input = source.inputs.find(({ name }) => name === expr.name);
    const place = input && writtenPlace(source.layout, input);
    return place && { place, type: input.type };
  }
  if (expr.node !== 'select') return undefined;
  const parent = fieldPlace(expr.of, source);
  const planned = parent && soleType(parent.type);
  if (planned?.kind !== 'record' || !parent?.place.inner) return undefined;
  const wanted = planned.fields.find(({ name }) => name === expr.field);
  const place = wanted && writtenPlace(parent.place.inner, wanted);
  return place && { place, type: wanted.type };
}

function writtenPlace(
  { record, fields }: RecordLayout,
  wanted: { readonly name: string; readonly aliases: readonly string[] },
): FieldPlace | undefined {
  const written = writerField(record.fields, wanted);
  return fields.find(({ field }) => field === written);
}

/** UTF-8 of a text that no other bytes decode to: what holds U+FFFD could also stand for invalid bytes. */
export function exactBytes(text: string): Uint8Array | undefined {
  if (text.includes('\ufffd') || !text.isWellFormed()) return undefined;
  return Buffer.from(text, 'utf8');
}

function textOf(expr: Expr): string {
  if (expr.node === 'field') return expr.name;
  return expr.node === 'select' ? `${textOf(expr.of)}.${expr.field}` : '';
}
