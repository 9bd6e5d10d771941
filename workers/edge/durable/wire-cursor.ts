// Cursors as they stand in states and messages, and positions made of them.

import { beforeRecord, type Cursor, compareCursors, END_OF_RECORD } from '../../../schemas/cursor.ts';

/** [partition, offset, index] */
export type CursorTuple = [partition: number, offset: number, index: number];

/** Equal for equal cursors of one partition. */
export const cursorKey = ({ offset, index }: Cursor): string => `${offset}/${index}`;

export const toTuple = (partition: number, { offset, index }: Cursor): CursorTuple => [partition, offset, index];

export const toPosition = (tuples: readonly (readonly [number, number, number])[]): Map<number, Cursor> =>
  new Map(tuples.map(([partition, offset, index]) => [partition, { offset, index }]));

/** Nothing of the partition yet. */
export const BEGINNING: Cursor = beforeRecord(0);

export const laterOf = (a: Cursor, b: Cursor): Cursor => (compareCursors(a, b) >= 0 ? a : b);

/** The greatest cursor before this one, so that (before, cursor] holds nothing else. */
export const justBefore = ({ offset, index }: Cursor): Cursor =>
  index === 0 ? beforeRecord(offset) : { offset, index: Math.min(index, END_OF_RECORD) - 1 };

/** True when the second may stand behind the first in one frame. */
export const goesOn = (last: Placed, next: Placed): boolean =>
  last.partition === next.partition && compareCursors(last.cursor, next.cursor) < 0;

interface Placed {
  readonly partition: number;
  readonly cursor: Cursor;
}
