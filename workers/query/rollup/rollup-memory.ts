// The buckets of one rollup that were asked for lately, kept up to date with every flush. Only a cache: what is missing is
// loaded from Postgres, and when a flush was missed, everything is.
//
//   load ─▶ bucket (blocks up to flush 17 of partition 0, 9 of 1 …)     apply(partition 0, flush 18) ─▶ every bucket that
//   the flush adds to and that does not have it yet

import { MdsError } from '../../../schemas/errors.ts';
import { decodeBlock, MINUTE_MICROS } from '../../../schemas/rollup/series-block.ts';
import type { LoadedBlocks } from './block-store.ts';
import { SeriesTable } from './series-table.ts';
import { bucketMs, type Level, MINUTE_MS } from './windows.ts';

const LEVELS: readonly Level[] = ['second', 'minute', 'hour'];
/** Flushes of a minute of eight partitions, some KB each: no load takes as long. */
const MAX_RECENT = 512;
/** So long before a bucket begins it is loaded, when questions have come within a minute: none is to wait for it. */
const AHEAD_MS = 10_000;
/** Latest values are asked into the next minute. */
const BUCKETS_AHEAD = 2;
/** Buckets further apart than this are loaded separately: what lies between would be read in vain. */
const MAX_HOLE = 30;

export interface Bucket {
  readonly table: SeriesTable;
  /** Number of the last flush that it was read with, by partition; later ones were added. */
  readonly seqs: ReadonlyMap<number, number>;
}

export interface FlushedBlocks {
  readonly partition: number;
  readonly seq: number;
  readonly blocks: readonly { readonly minute: number; readonly block: Uint8Array }[];
}

export interface RollupMemoryOptions {
  readonly load: (level: Level, buckets: readonly number[]) => Promise<LoadedBlocks>;
}

export class RollupMemory {
  readonly #options: RollupMemoryOptions;
  /** In order of their last use. */
  readonly #buckets: Readonly<Record<Level, Map<number, Bucket>>> = {
    second: new Map(),
    minute: new Map(),
    hour: new Map(),
  };
  /** The last flush of each partition that every bucket here has. Null: nothing was loaded yet. */
  #seqs: Map<number, number> | null = null;
  /** The last flushes, for buckets that are just being read and do not have them. */
  #recent: FlushedBlocks[] = [];
  /** One load at a time: whoever comes next most often wants the same. */
  #loading: Promise<unknown> = Promise.resolve();
  readonly #askedMs: Record<Level, number> = { second: 0, minute: 0, hour: 0 };
  /** Grows whenever an answer may have become another one. */
  version = 0;

  constructor(options: RollupMemoryOptions) {
    this.#options = options;
  }

  /** Aggregates held. */
  get size(): number {
    let size = 0;
    for (const level of LEVELS) for (const { table } of this.#buckets[level].values()) size += table.size;
    return size;
  }

  /** @returns number of the last flush of the partition that is known here; null: no flush is waited for */
  seqOf(partition: number): number | null {
    return this.#seqs === null ? null : (this.#seqs.get(partition) ?? 0);
  }

  /**
   * @returns in the order of `numbers`; all that was stored when this was called is in them
   * @throws MdsError `MDS_ROLLUP_RANGE` when seconds were asked for that are not kept any more
   */
  buckets(level: Level, numbers: readonly number[], nowMs = Date.now()): Promise<Bucket[]> {
    this.#askedMs[level] = nowMs;
    return this.#found(level, numbers);
  }

  /** To be called now and then: when a bucket is about to begin that follows those that are asked for, it is loaded. */
  async prepare(nowMs: number): Promise<void> {
    for (const level of LEVELS) {
      const current = Math.floor(nowMs / bucketMs(level));
      const isNear = Math.floor((nowMs + AHEAD_MS) / bucketMs(level)) > current;
      if (!isNear || nowMs - this.#askedMs[level] > MINUTE_MS) continue;
      const held = this.#buckets[level];
      const next = Array.from({ length: BUCKETS_AHEAD }, (_, i) => current + i + 1);
      const missing = next.filter((number) => held.has(number - 1) && !held.has(number));
      if (missing.length > 0) await this.#found(level, missing);
    }
  }

  async #found(level: Level, numbers: readonly number[]): Promise<Bucket[]> {
    const isHere = (): boolean => numbers.every((number) => this.#buckets[level].has(number));
    if (isHere()) return this.#take(level, numbers, new Map());
    const load = async (): Promise<Bucket[]> => {
      const held = new Map(numbers.flatMap((number) => pairOf(number, this.#buckets[level].get(number))));
      for (const run of runsOf(numbers.filter((number) => !held.has(number)))) {
        for (const [number, bucket] of await this.#load(level, run)) held.set(number, bucket);
      }
      return this.#take(level, numbers, held);
    };
    const loading = this.#loading.then(load, load);
    this.#loading = loading.catch(() => undefined); // its caller hears of it; the next load is another one
    return loading;
  }

  /** @returns false when flushes between were missed: nothing is kept then */
  apply(flush: FlushedBlocks): boolean {
    const { partition, seq, blocks } = flush;
    const last = this.seqOf(partition);
    if (this.#seqs === null || last === null || seq <= last) return true;
    if (seq > last + 1) {
      this.clear();
      return false;
    }
    this.#seqs.set(partition, seq);
    this.#recent.push(flush);
    if (this.#recent.length > MAX_RECENT) this.#recent = this.#recent.slice(-MAX_RECENT / 2);
    if (blocks.length === 0) return true;
    this.version += 1;
    for (const level of LEVELS) {
      const touched = new Set(blocks.map(({ minute }) => bucketOf(level, minute)));
      for (const number of touched) {
        const bucket = this.#buckets[level].get(number);
        if (bucket) addFlush(level, number, bucket, flush);
      }
    }
    return true;
  }

  clear(): void {
    for (const level of LEVELS) this.#buckets[level].clear();
    this.#seqs = null;
    this.#recent = [];
    this.version += 1;
  }

  /** Drops the buckets that were not used for longest until `size` aggregates fewer are held. */
  shrink(size: number): void {
    let left = size;
    for (const level of LEVELS) {
      for (const [number, { table }] of this.#buckets[level]) {
        if (left <= 0) return;
        this.#buckets[level].delete(number);
        left -= table.size;
      }
    }
  }

  #take(level: Level, numbers: readonly number[], held: ReadonlyMap<number, Bucket>): Bucket[] {
    return numbers.map((number) => {
      const bucket = this.#buckets[level].get(number);
      if (!bucket) return held.get(number) ?? { table: new SeriesTable(), seqs: new Map() };
      this.#buckets[level].delete(number);
      this.#buckets[level].set(number, bucket);
      return bucket;
    });
  }

  async #load(level: Level, numbers: readonly number[]): Promise<Map<number, Bucket>> {
    const { seqs, blocks, secondsFromMinute } = await this.#options.load(level, numbers);
    if (secondsFromMinute > 0) {
      throw new MdsError('MDS_ROLLUP_RANGE', { from: new Date(secondsFromMinute * MINUTE_MS).toISOString() });
    }
    const buckets = new Map(numbers.map((number) => [number, { table: new SeriesTable(), seqs }]));
    for (const { minute, block } of blocks) {
      const bucket = buckets.get(bucketOf(level, minute));
      if (!bucket) continue; // in a hole between those that were asked for
      for (const cell of decodeBlock(block, minute * MINUTE_MICROS)) bucket.table.add(cell, level === 'second');
    }
    this.#seqs ??= new Map(seqs);
    // Flushes that came while it was read are in the other buckets already.
    for (const [partition, seq] of this.#seqs) {
      const missing = this.#recent.filter((one) => one.partition === partition && one.seq > (seqs.get(partition) ?? 0));
      if (missing.length < seq - (seqs.get(partition) ?? 0)) return buckets; // good for this answer, not to be kept
      for (const flush of missing) {
        for (const [number, bucket] of buckets) addFlush(level, number, bucket, flush);
      }
    }
    for (const [number, bucket] of buckets) this.#buckets[level].set(number, bucket);
    return buckets;
  }
}

/** Adds what a flush has for a bucket, unless it was read with it. */
function addFlush(
  level: Level,
  number: number,
  { table, seqs }: Bucket,
  { partition, seq, blocks }: FlushedBlocks,
): void {
  if (seq <= (seqs.get(partition) ?? 0)) return;
  for (const { minute, block } of blocks) {
    if (bucketOf(level, minute) !== number) continue;
    for (const cell of decodeBlock(block, minute * MINUTE_MICROS)) table.add(cell, level === 'second');
  }
  table.changed();
}

const bucketOf = (level: Level, minute: number): number => Math.floor((minute * MINUTE_MS) / bucketMs(level));
const pairOf = (number: number, bucket: Bucket | undefined): [number, Bucket][] => (bucket ? [[number, bucket]] : []);

/** In ascending order, split where the next one is far away. */
function runsOf(numbers: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && number - (run.at(-1) ?? number) <= MAX_HOLE) run.push(number);
    else runs.push([number]);
  }
  return runs;
}
