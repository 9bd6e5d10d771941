// Picks the last events out of records that were read from several partitions. Pure.

/** A record in a slab, counted. */
export interface CountedRecord {
  readonly slab: number;
  /** Its place in the slab. */
  readonly place: number;
  readonly timestampMs: number;
  readonly offset: number;
  readonly events: number;
}

export interface PickedRecord extends CountedRecord {
  /** Events at its beginning that do not belong to the last ones. */
  readonly skip: number;
}

/** @returns newest first, as many records as hold `wanted` events, or all */
export function lastEvents(records: readonly CountedRecord[], wanted: number): PickedRecord[] {
  const newestFirst = [...records].sort((a, b) => b.timestampMs - a.timestampMs || b.offset - a.offset);
  const picked: PickedRecord[] = [];
  let missing = wanted;
  for (const record of newestFirst) {
    if (missing <= 0) break;
    if (record.events === 0) continue;
    picked.push({ ...record, skip: Math.max(0, record.events - missing) });
    missing -= record.events;
  }
  return picked;
}
