// Answers as text: JSON, a row a line (NDJSON), or CSV (RFC 4180).

import { type TSchema, Type } from 'typebox';
import type { ANSWER_FORMATS } from '../../schemas/api/data.ts';

export type AnswerFormat = (typeof ANSWER_FORMATS)[number];

export interface Answer {
  readonly contentType: string;
  readonly body: string;
}

export interface Column<Row> {
  readonly name: string;
  readonly of: (row: Row) => unknown;
}

export const TYPES: Readonly<Record<AnswerFormat, string>> = {
  json: 'application/json; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
};

/** The response of a route that answers in every format, for its documentation. @param schema of JSON */
export function answersAs(schema: TSchema): Record<string, unknown> {
  const text = { schema: Type.String() };
  const content = { 'application/json': { schema }, 'application/x-ndjson': text, 'text/csv': text };
  return { 200: { description: 'As `format` says.', content } };
}

/** @param whole the answer with its rows in it, for JSON */
export function answerText<Row>(
  format: AnswerFormat,
  whole: object,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): Answer {
  return { contentType: TYPES[format], body: bodyOf(format, whole, rows, columns) };
}

function bodyOf<Row>(
  format: AnswerFormat,
  whole: object,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): string {
  if (format === 'json') return JSON.stringify(whole);
  if (format === 'ndjson') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  return csvText(rows, columns);
}

/** With a header. */
export function csvText<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const lines = [
    columns.map(({ name }) => csvCell(name)),
    ...rows.map((row) => columns.map(({ of }) => csvCell(of(row)))),
  ];
  return lines.map((cells) => `${cells.join(',')}\r\n`).join('');
}

/** Null is nothing; objects and lists are JSON. */
function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
