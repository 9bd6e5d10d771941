// Where an event is, and how far a subscription has come. Cursors of one partition are totally ordered: by offset, then
// by the event's place in a batch record. `END_OF_RECORD` stands behind every event of a record, so that a range can end
// at a record without knowing how many events the record holds.

export interface Cursor {
  /** Kafka offset of the record; an integer below 2^53. */
  readonly offset: number;
  /** Place of the event in a batch record, 0 for a single event. */
  readonly index: number;
}

/** Greater than any index of a real event: the cursor (offset, END_OF_RECORD) has the whole record behind it. */
export const END_OF_RECORD = 0x7fffffff;

/** Everything up to and including this record. */
export const afterRecord = (offset: number): Cursor => ({ offset, index: END_OF_RECORD });

/** Nothing of this record, but everything before it: where a reader stands that will read `offset` next. */
export const beforeRecord = (offset: number): Cursor => ({ offset: offset - 1, index: END_OF_RECORD });

/** Negative when `a` is before `b`, 0 when equal, positive when after. */
export const compareCursors = (a: Cursor, b: Cursor): number => a.offset - b.offset || a.index - b.index;

export const sameCursor = (a: Cursor, b: Cursor): boolean => a.offset === b.offset && a.index === b.index;

/** How far a subscription has come: the last cursor it has been given, for every partition of its topic. */
export type Position = ReadonlyMap<number, Cursor>;
