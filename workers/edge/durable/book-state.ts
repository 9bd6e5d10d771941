// A shard's book as the state that is stored, and back.

import type { Cursor } from '../../../schemas/cursor.ts';
import type { ShardState } from '../../../schemas/durable.ts';
import type { InFlight } from './in-flight.ts';
import { PartitionBook } from './partition-book.ts';
import { BEGINNING, cursorKey, toPosition, toTuple } from './wire-cursor.ts';

export function partitionsOf({ floor, taken = [], settled, attempts }: ShardState): Map<number, PartitionBook> {
  const floors = toPosition(floor);
  const takenTo = toPosition(taken);
  const of = <Tuple extends readonly number[]>(partition: number, tuples: readonly Tuple[]): Tuple[] =>
    tuples.filter((tuple) => tuple[0] === partition);
  const books = new Map<number, PartitionBook>();
  for (const partition of new Set([...floor, ...taken, ...settled, ...attempts].map((tuple) => tuple[0]))) {
    const start = floors.get(partition) ?? BEGINNING;
    const book = new PartitionBook({
      floor: start,
      taken: takenTo.get(partition) ?? start,
      expected: of(partition, attempts).map(([, offset, index, count]) => [{ offset, index }, count]),
      settled: of(partition, settled).map(([, offset, index]) => ({ offset, index })),
    });
    books.set(partition, book);
  }
  return books;
}

/** Of redrives that an earlier owner has begun. */
export const redriveAttemptsOf = ({ redriven = [] }: ShardState): Map<string, number> =>
  new Map(redriven.map(([partition, offset, index, count]) => [redriveKey(partition, { offset, index }), count]));

export const redriveKey = (partition: number, cursor: Cursor): string => `${partition}/${cursorKey(cursor)}`;

export function stateOf(
  seekRevision: number,
  partitions: ReadonlyMap<number, PartitionBook>,
  redrives: Iterable<InFlight>,
): ShardState {
  const floor: ShardState['floor'] = [];
  const taken: NonNullable<ShardState['taken']> = [];
  const settled: ShardState['settled'] = [];
  const attempts: ShardState['attempts'] = [];
  for (const [partition, book] of partitions) {
    floor.push(toTuple(partition, book.floor));
    taken.push(toTuple(partition, book.taken));
    for (const cursor of book.settled) settled.push(toTuple(partition, cursor));
    for (const [cursor, count] of book.unsettled()) attempts.push([...toTuple(partition, cursor), count]);
  }
  const redriven: ShardState['attempts'] = [];
  for (const { partition, cursor, attempts: count } of redrives) {
    redriven.push([...toTuple(partition, cursor), count]);
  }
  return { seekRevision, floor, settled, taken, attempts, redriven };
}
