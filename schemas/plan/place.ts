// Where in a filter's text something is wrong, and the errors that carry it.

import type { MdsErrorCode } from '../errors.ts';
import { MdsError } from '../errors.ts';

/** A part of the filter's text; offsets count UTF-16 units from 0, lines and columns from 1. */
export interface Place {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

export function placeIn(text: string, offset: number, length: number): Place {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { offset, line, column: offset - before.lastIndexOf('\n'), length: Math.max(length, 0) };
}

export type FilterErrorCode = Extract<MdsErrorCode, `MDS_FILTER_${string}`>;

/**
 * @param at the place in the filter's text
 * @param details values for the placeholders of the code's message; `didYouMean` also becomes the message's hint
 */
export function filterError(
  code: FilterErrorCode,
  at: Place,
  details: Readonly<Record<string, unknown>>,
  cause?: unknown,
): MdsError {
  const { didYouMean } = details;
  const hint = details.hint ?? (typeof didYouMean === 'string' ? ` (did you mean ${didYouMean}?)` : '');
  return new MdsError(code, { ...details, hint, at }, cause === undefined ? undefined : { cause });
}
