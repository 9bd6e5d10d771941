// A bounded scan over the records of a topic, oldest or newest first over all partitions: each partition is read a piece at
// a time, and the record whose time comes next is taken from whichever has it. Stops at a limit and says exactly how far it
// has come, so that the next one goes on there. Pure; whoever calls reads.
//
//   partition 0  ──▓▓▓░░░░░──   ▓ taken   ░ left: [from, to)
//   partition 1  ──▓▓▓▓▓▓░░──   newest first: ░ comes first and ▓ behind it

import type { MatchedEvent } from './record-filter.ts';

export interface Left {
  readonly partition: number;
  /** Records from here on … */
  from: number;
  /** … to here, exclusive, are left. */
  to: number;
  /** Events of the record at the edge that were given already: a limit may end in the middle of a batch record. */
  given: number;
}

export interface ScannedRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly events: readonly MatchedEvent[];
}

export interface RecentEvent extends MatchedEvent {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
}

export type Order = 'newest' | 'oldest';

export interface ScanLimits {
  readonly events: number;
  readonly records: number;
  /** False when there is no more time. */
  readonly goesOn: () => boolean;
}

/** What is to be read of a partition next: some records within [from, to), all of them. */
export interface Piece {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** Records read of a partition at once: few at first, for each may hold thousands of events; more while few match. */
const FIRST_PIECE_RECORDS = 8;
const MAX_PIECE_RECORDS = 256;
const FEW_EVENTS = 64;

interface Buffered {
  readonly left: Left;
  records: ScannedRecord[];
  /** Where the buffered records end, in the direction of the scan. */
  edge: number;
  pieceRecords: number;
}

/**
 * @param lefts changed: what is left afterwards
 * @param read the records of pieces, by partition, in order of offsets; offsets without a record are missing
 */
export async function scanRecent(
  lefts: readonly Left[],
  order: Order,
  limits: ScanLimits,
  read: (pieces: readonly Piece[]) => Promise<ReadonlyMap<number, readonly ScannedRecord[]>>,
): Promise<RecentEvent[]> {
  const isNewest = order === 'newest';
  const buffers = lefts.map(
    (left): Buffered => ({
      left,
      records: [],
      edge: isNewest ? left.to : left.from,
      pieceRecords: FIRST_PIECE_RECORDS,
    }),
  );
  const found: RecentEvent[] = [];
  for (let scanned = 0; found.length < limits.events && scanned < limits.records && limits.goesOn(); scanned++) {
    await fill(buffers, isNewest, read);
    const next = nextOf(buffers, isNewest);
    if (!next) break;
    const [record] = next.records;
    if (!record) break;
    take(next, record, isNewest, limits.events, found);
  }
  return found;
}

/** Reads for those that have nothing at hand and something left. */
async function fill(
  buffers: readonly Buffered[],
  isNewest: boolean,
  read: (pieces: readonly Piece[]) => Promise<ReadonlyMap<number, readonly ScannedRecord[]>>,
): Promise<void> {
  for (;;) {
    const empty = buffers.filter(({ left, records }) => records.length === 0 && left.from < left.to);
    if (empty.length === 0) return;
    const pieces = empty.map(({ left: { partition, from, to }, pieceRecords }) =>
      isNewest
        ? { partition, from: Math.max(from, to - pieceRecords), to }
        : { partition, from, to: Math.min(to, from + pieceRecords) },
    );
    const byPartition = await read(pieces);
    for (const [i, buffer] of empty.entries()) {
      const piece = pieces[i];
      if (!piece) continue;
      const records = [...(byPartition.get(piece.partition) ?? [])];
      buffer.records = isNewest ? records.reverse() : records;
      buffer.edge = isNewest ? piece.from : piece.to;
      const events = records.reduce((sum, record) => sum + record.events.length, 0);
      if (events < FEW_EVENTS) buffer.pieceRecords = Math.min(MAX_PIECE_RECORDS, buffer.pieceRecords * 2);
      if (records.length === 0) moveTo(buffer.left, buffer.edge, isNewest); // no record there any more, or never
    }
  }
}

/** Equal times: by partition, so that the order is the same each time. */
function nextOf(buffers: readonly Buffered[], isNewest: boolean): Buffered | undefined {
  let best: Buffered | undefined;
  for (const buffer of buffers) {
    const at = buffer.records[0]?.timestampMs;
    const bestAt = best?.records[0]?.timestampMs;
    if (at === undefined) continue;
    if (bestAt === undefined || (isNewest ? at > bestAt : at < bestAt)) best = buffer;
  }
  return best;
}

function take(buffer: Buffered, record: ScannedRecord, isNewest: boolean, limit: number, found: RecentEvent[]): void {
  const { left } = buffer;
  const { offset, timestampMs } = record;
  const isAtEdge = offset === (isNewest ? left.to - 1 : left.from);
  if (!isAtEdge) moveTo(left, isNewest ? offset + 1 : offset, isNewest); // what lay between is gone
  const events = isNewest ? record.events.toReversed() : record.events;
  for (const event of events.slice(left.given)) {
    if (found.length >= limit) return;
    found.push({ ...event, partition: left.partition, offset, timestampMs });
    left.given += 1;
  }
  buffer.records.shift();
  const behind = isNewest ? offset : offset + 1;
  moveTo(left, buffer.records.length === 0 ? buffer.edge : behind, isNewest);
}

function moveTo(left: Left, edge: number, isNewest: boolean): void {
  if (isNewest) left.to = edge;
  else left.from = edge;
  left.given = 0;
}
