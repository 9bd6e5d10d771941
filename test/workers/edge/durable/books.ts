// Builders for the tests of shard books: events of a partition, limits, states.

import type { Cursor } from '../../../../schemas/cursor.ts';
import type { ShardState } from '../../../../schemas/durable.ts';
import type { InFlight } from '../../../../workers/edge/durable/in-flight.ts';
import { type BookLimits, type BookOptions, ShardBook } from '../../../../workers/edge/durable/shard-book.ts';

export const at = (offset: number, index = 0): Cursor => ({ offset, index });

export const anEvent = (offset: number, index = 0) => ({
  cursor: at(offset, index),
  bytes: Buffer.from(`{"n":${offset}}`),
});

export const TIMES = { recordMs: 1, publishedMs: 2 };

export const limitsOf = (more: Partial<BookLimits> = {}): BookLimits => ({
  maxInFlight: 10,
  maxBytes: 1_000_000,
  maxAttempts: 3,
  ackTimeoutMs: 1000,
  backoffBaseMs: 100,
  backoffMaxMs: 400,
  ...more,
});

export const stateOf = (more: Partial<ShardState> = {}): ShardState => ({
  seekRevision: 1,
  floor: [[0, -1, 0x7fffffff]],
  settled: [],
  attempts: [],
  ...more,
});

export interface BookUnderTest {
  readonly book: ShardBook;
  readonly notes: string[];
  readonly redriven: string[];
}

export function aBook(
  limits: Partial<BookLimits> = {},
  state: ShardState = stateOf(),
  more: Partial<BookOptions> = {},
): BookUnderTest {
  const notes: string[] = [];
  const redriven: string[] = [];
  const book = new ShardBook({
    state,
    limits: limitsOf(limits),
    random: () => 1,
    note: (what, { cursor }, reason) => notes.push(`${what} ${cursor.offset}${reason === '' ? '' : `: ${reason}`}`),
    onRedriven: ({ cursor }, as) => redriven.push(`${cursor.offset} ${as}`),
    ...more,
  });
  return { book, notes, redriven };
}

/** Sends all that is ready. @returns what was sent */
export function sendAll(book: ShardBook, nowMs: number): InFlight[] {
  const sent: InFlight[] = [];
  for (let entry = book.nextReady(); entry !== null; entry = book.nextReady()) {
    book.markSent(entry, nowMs);
    sent.push(entry);
  }
  return sent;
}

export const offsetsOf = (entries: readonly InFlight[]): number[] => entries.map(({ cursor }) => cursor.offset);
