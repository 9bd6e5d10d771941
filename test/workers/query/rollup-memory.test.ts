import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { type Cell, encodeBlock, MINUTE_MICROS } from '../../../schemas/rollup/series-block.ts';
import type { LoadedBlocks } from '../../../workers/query/rollup/block-store.ts';
import { type Bucket, type FlushedBlocks, RollupMemory } from '../../../workers/query/rollup/rollup-memory.ts';
import { bucketMs, type Level, MINUTE_MS } from '../../../workers/query/rollup/windows.ts';
import { RUNS } from '../../schemas/damage.ts';
import { aggregateOf } from '../../schemas/rollup/builders.ts';

const FIRST_MINUTE = 29_000_040;

interface Flush {
  readonly partition: number;
  readonly minute: number;
  readonly events: number;
}
const anyFlush: fc.Arbitrary<Flush> = fc.record({
  partition: fc.nat(2),
  minute: fc.integer({ min: FIRST_MINUTE, max: FIRST_MINUTE + 80 }),
  events: fc.integer({ min: 1, max: 5 }),
});

function blockOf({ minute, events }: Flush): Buffer {
  const start = minute * MINUTE_MICROS;
  const readings = Array.from({ length: events }, (_, i) => ({ value: i, micros: 1 + i }));
  const cells: Cell[] = [{ series: 1, slot: 0, aggregate: aggregateOf(readings, start) }];
  return encodeBlock(cells, start);
}

/** A store that flushes go into, as Postgres has them. */
class PlayedStore {
  readonly flushes: FlushedBlocks[] = [];
  /** Called in the middle of a load, when its moment has been chosen. */
  whileLoading: () => void = () => undefined;

  flush(flush: Flush): FlushedBlocks {
    const seq = this.seqOf(flush.partition) + 1;
    const flushed = { partition: flush.partition, seq, blocks: [{ minute: flush.minute, block: blockOf(flush) }] };
    this.flushes.push(flushed);
    return flushed;
  }

  seqOf = (partition: number): number => this.flushes.filter((one) => one.partition === partition).length;

  load = async (level: Level, buckets: readonly number[]): Promise<LoadedBlocks> => {
    const minutes = bucketMs(level) / MINUTE_MS;
    const seqs = new Map([0, 1, 2].map((partition) => [partition, this.seqOf(partition)]));
    const blocks = this.flushes.flatMap(({ partition, blocks: own }) =>
      own.flatMap(({ minute, block }) =>
        buckets.includes(Math.floor(minute / minutes)) ? [{ partition, minute, block: Buffer.from(block) }] : [],
      ),
    );
    this.whileLoading();
    return { seqs, blocks, secondsFromMinute: 0 };
  };
}

/** What the tail does when it is told of a flush, or compares. */
function catchUp(memory: RollupMemory, store: PlayedStore): void {
  for (const flush of store.flushes)
    if (flush.seq > (memory.seqOf(flush.partition) ?? Number.POSITIVE_INFINITY)) memory.apply(flush);
}

function eventsIn(buckets: readonly Bucket[]): number {
  let events = 0;
  for (const { columns } of buckets.map(({ table }) => table)) {
    for (let cell = 0; cell < columns.size; cell++) events += columns.countOf(cell);
  }
  return events;
}

t.test('buckets have every flush once, however loads and flushes meet', async () => {
  const anyStep = fc.oneof(
    anyFlush.map((flush) => ({ kind: 'flush' as const, flush })),
    fc.record({
      kind: fc.constant('ask' as const),
      level: fc.constantFrom<Level>('minute', 'hour', 'second'),
      /** Flushes while it loads. */
      flushes: fc.array(anyFlush, { maxLength: 3 }),
    }),
    fc.constant({ kind: 'forget' as const }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 25 }), async (steps) => {
      const store = new PlayedStore();
      const memory = new RollupMemory({ load: store.load });
      for (const step of steps) {
        if (step.kind === 'flush') store.flush(step.flush);
        catchUp(memory, store);
        if (step.kind === 'forget') memory.shrink(3);
        if (step.kind !== 'ask') continue;
        let waiting = [...step.flushes];
        store.whileLoading = () => {
          for (const flush of waiting) store.flush(flush);
          catchUp(memory, store);
          waiting = [];
        };
        const numbers = Array.from(
          { length: step.level === 'hour' ? 3 : 100 },
          (_, i) => Math.floor((FIRST_MINUTE * MINUTE_MS) / bucketMs(step.level)) + i,
        );
        await memory.buckets(step.level, numbers);
        store.whileLoading = () => undefined;
        catchUp(memory, store);
        const expected = store.flushes.reduce((sum, { blocks: [block] }) => sum + eventsOf(block?.block), 0);
        assert.equal(eventsIn(await memory.buckets(step.level, numbers)), expected);
      }
    }),
    { numRuns: RUNS },
  );
});

function eventsOf(block: Uint8Array | undefined): number {
  return block?.[3] ?? 0; // version, series, slot, count: all small
}

t.test('a flush that was missed empties the memory, and the next question is answered from the store', async (t) => {
  const store = new PlayedStore();
  const memory = new RollupMemory({ load: store.load });
  await memory.buckets('minute', [FIRST_MINUTE]);
  store.flush({ partition: 1, minute: FIRST_MINUTE, events: 2 }); // told to nobody
  const later = store.flush({ partition: 1, minute: FIRST_MINUTE, events: 3 });
  const { version } = memory;
  t.equal(memory.apply(later), false);
  t.ok(memory.version > version, 'answers made before are not given again');
  t.equal(memory.seqOf(1), null, 'no flush is waited for');
  t.equal(eventsIn(await memory.buckets('minute', [FIRST_MINUTE])), 5);
});

t.test('a partition that comes later is added to what was loaded before', async (t) => {
  const store = new PlayedStore();
  const memory = new RollupMemory({ load: store.load });
  await memory.buckets('minute', [FIRST_MINUTE]);
  memory.apply(store.flush({ partition: 2, minute: FIRST_MINUTE, events: 4 }));
  t.equal(eventsIn(await memory.buckets('minute', [FIRST_MINUTE])), 4);
});

t.test('the next minute is there before it begins, as long as somebody asks', async (t) => {
  const store = new PlayedStore();
  const loads: (readonly number[])[] = [];
  const memory = new RollupMemory({
    load: (level, buckets) => {
      loads.push(buckets);
      return store.load(level, buckets);
    },
  });
  const beginMs = FIRST_MINUTE * MINUTE_MS;
  await memory.prepare(beginMs + 55_000);
  t.same(loads, [], 'nobody has asked');
  await memory.buckets('minute', [FIRST_MINUTE - 1, FIRST_MINUTE], beginMs);
  await memory.prepare(beginMs + 30_000);
  t.equal(loads.length, 1, 'it is far');
  await memory.prepare(beginMs + 55_000);
  t.same(loads[1], [FIRST_MINUTE + 1]);
  catchUp(memory, store);
  store.flush({ partition: 0, minute: FIRST_MINUTE + 1, events: 3 });
  catchUp(memory, store);
  const asked = await memory.buckets('minute', [FIRST_MINUTE, FIRST_MINUTE + 1], beginMs + 61_000);
  t.equal(loads.length, 2, 'no question waits for the store');
  t.equal(eventsIn(asked), 3, 'and what comes is in it');
  await memory.prepare(beginMs + 61_000 + 10 * MINUTE_MS);
  t.equal(loads.length, 2, 'nobody asks any more');
});
