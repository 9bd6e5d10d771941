// What a range of a replay request means for reading Kafka. Pure.

import { beforeRecord, type Cursor, compareCursors, END_OF_RECORD } from '../../../schemas/cursor.ts';

export interface RangePlan {
  /** The part that Kafka no longer has; null when it has all. */
  readonly expiredTo: Cursor | null;
  /** Where the part that is read begins. */
  readonly from: Cursor;
  /** Its last cursor; equal to `from` when there is nothing to read. */
  readonly until: Cursor;
}

/** First record with an event behind the cursor: its own record when the cursor stands inside one. */
export const firstOffsetAfter = ({ offset, index }: Cursor): number =>
  Math.max(0, index === END_OF_RECORD ? offset + 1 : offset);

/**
 * @param range (from, to] as the edge asks for it
 * @param log what Kafka has: the first offset, and one more than the last
 */
export function planRange(
  { from, to }: { readonly from: Cursor; readonly to: Cursor },
  { lowOffset, highOffset }: { readonly lowOffset: number; readonly highOffset: number },
): RangePlan {
  const end = earlier(to, beforeRecord(highOffset));
  const begin = beforeRecord(lowOffset);
  const isExpired = firstOffsetAfter(from) < lowOffset && compareCursors(from, to) < 0;
  const start = isExpired ? earlier(begin, to) : from;
  return { expiredTo: isExpired ? start : null, from: start, until: compareCursors(end, start) < 0 ? start : end };
}

const earlier = (a: Cursor, b: Cursor): Cursor => (compareCursors(a, b) <= 0 ? a : b);
