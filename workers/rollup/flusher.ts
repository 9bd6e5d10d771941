// One flush: what partitions have gathered and how far they have read goes into Postgres in one transaction; minutes and
// hours that take no more events are merged into their blocks in the same one. A kill at any point leaves either none of it
// or all of it.

import type { Pool, PoolClient } from 'pg';
import { withTransaction } from '../../platform/postgres.ts';
import { type Cell, decodeBlock, encodeBlock, MINUTE_MICROS, mergeCells } from '../../schemas/rollup/series-block.ts';
import type { PartitionDelta } from './partition-delta.ts';
import {
  type BlockRow,
  changeStates,
  insertBlocks,
  insertDeltas,
  type PartitionState,
  readDeltas,
  readMinutes,
  type StateChange,
  setClosedMinute,
} from './rollup-store.ts';
import type { SeriesNames } from './series-names.ts';
import type { Slices } from './slices.ts';

const MINUTES = 60;
/** Blocks merged by one flush of one partition: a backlog of days closes minutes over several flushes. */
const MAX_CLOSING_BLOCKS = 2000;

export interface PartitionFlush {
  readonly state: PartitionState;
  readonly delta: PartitionDelta;
  readonly names: SeriesNames;
  /** Close minutes up to this one. */
  readonly closeTo: number;
}

/** What a flush has made durable of one partition. */
export interface FlushedPartition {
  readonly state: PartitionState;
  readonly deltas: readonly { readonly minute: number; readonly block: Buffer }[];
}

export class Flusher {
  readonly #pool: Pool;
  readonly #slices: Slices;

  constructor(pool: Pool, slices: Slices) {
    this.#pool = pool;
    this.#slices = slices;
  }

  /** @throws MdsError `MDS_ROLLUP_FENCED`, `MDS_DEPENDENCY_UNAVAILABLE`: nothing, or after a lost connection all, is stored */
  async flush(flushes: readonly PartitionFlush[]): Promise<FlushedPartition[]> {
    const encoded = flushes.map(({ delta, names }) =>
      delta.minutes.map((minute) => {
        const cells = delta.cellsOf(minute, (place) => names.idOf(place));
        return { minute, block: encodeBlock(cells, minute * MINUTE_MICROS) };
      }),
    );
    // Before the transaction: making a slice waits for everybody who writes into its table.
    await this.#slices.ensure(encoded.flatMap((deltas) => deltas.map(({ minute }) => minute)));
    return withTransaction(this.#pool, async (client) => {
      await changeStates(client, flushes.map(changeOf)); // first: whoever was replaced ends here
      await insertDeltas(
        client,
        flushes.flatMap(({ state }, i) =>
          (encoded[i] ?? []).map(({ minute, block }) => ({ ...state, seq: state.seq + 1, start: minute, block })),
        ),
      );
      const flushed: FlushedPartition[] = [];
      for (const [i, one] of flushes.entries()) {
        flushed.push({ state: await stateAfter(client, one), deltas: encoded[i] ?? [] });
      }
      return flushed;
    });
  }
}

function changeOf({ state, delta }: PartitionFlush): StateChange {
  const { nextOffset, events, late, ahead, unreadableRecords } = delta;
  const newestMicros = Math.max(state.newestMicros, delta.newestMicros);
  return { before: state, nextOffset, newestMicros, events, late, ahead, unreadableRecords };
}

/** Closes what is to be closed. */
async function stateAfter(client: PoolClient, { state, delta, closeTo }: PartitionFlush): Promise<PartitionState> {
  const { nextOffset } = delta;
  const newestMicros = Math.max(state.newestMicros, delta.newestMicros);
  const after = { ...state, seq: state.seq + 1, nextOffset, newestMicros };
  if (closeTo <= state.closedMinute) return after;
  const { minutes, closedMinute } = await closableMinutes(client, state, closeTo);
  const { rollupId, partition } = state;
  const merged = mergedByStart(minutes, ({ start }) => start, 1);
  await insertBlocks(
    client,
    'minute',
    merged.map((block) => ({ rollupId, partition, ...block })),
  );
  await closeHours(client, state, closedMinute);
  await setClosedMinute(client, state, closedMinute);
  return { ...after, closedMinute };
}

async function closableMinutes(
  client: PoolClient,
  state: PartitionState,
  closeTo: number,
): Promise<{ readonly minutes: readonly BlockRow[]; readonly closedMinute: number }> {
  const found = await readDeltas(client, state, state.closedMinute, closeTo, MAX_CLOSING_BLOCKS);
  const last = found.at(-1)?.start;
  if (last === undefined || found.length < MAX_CLOSING_BLOCKS) return { minutes: found, closedMinute: closeTo };
  // There are more: the last minute may be cut off and waits for the next flush, unless it is the only one.
  const whole = found.filter(({ start }) => start < last);
  if (whole.length > 0) return { minutes: whole, closedMinute: last - 1 };
  const only = await readDeltas(client, state, last - 1, last, Number.MAX_SAFE_INTEGER);
  return { minutes: only, closedMinute: last };
}

/** Hours whose last minute is closed now; the first of them may have minutes that were closed earlier. */
async function closeHours(client: PoolClient, state: PartitionState, closedMinute: number): Promise<void> {
  const { rollupId, partition } = state;
  const fromHour = Math.floor((state.closedMinute + 1) / MINUTES);
  const toHour = Math.floor((closedMinute + 1) / MINUTES);
  if (toHour <= fromHour) return;
  const minutes = await readMinutes(client, state, fromHour * MINUTES, toHour * MINUTES - 1);
  const hours = mergedByStart(minutes, ({ start }) => Math.floor(start / MINUTES), MINUTES);
  await insertBlocks(
    client,
    'hour',
    hours.map((block) => ({ rollupId, partition, ...block })),
  );
}

/** @param blocks each with its minute @param minutes how many a merged block covers */
function mergedByStart(
  blocks: readonly { readonly start: number; readonly block: Buffer }[],
  startOf: (block: { readonly start: number }) => number,
  minutes: number,
): { readonly start: number; readonly block: Buffer }[] {
  const byStart = new Map<number, Cell[]>();
  for (const one of blocks) {
    const start = startOf(one);
    let cells = byStart.get(start);
    if (!cells) {
      cells = [];
      byStart.set(start, cells);
    }
    for (const cell of decodeBlock(one.block, one.start * MINUTE_MICROS)) cells.push(cell);
  }
  return [...byStart].map(([start, cells]) => ({
    start,
    block: encodeBlock(mergeCells(cells), start * minutes * MINUTE_MICROS),
  }));
}
