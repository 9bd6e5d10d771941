import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { MdsError } from '../../../schemas/errors.ts';
import { Aggregate, resultOf } from '../../../schemas/rollup/aggregate.ts';
import { type Cell, decodeBlock, encodeBlock, mergeCells } from '../../../schemas/rollup/series-block.ts';
import { RUNS } from '../damage.ts';
import { aggregateOf, anyReading, shown } from './builders.ts';

const START = 1_770_000_000_000_000;

const anyCells = fc
  .uniqueArray(fc.tuple(fc.nat(300_000), fc.nat(59), fc.array(anyReading, { minLength: 1, maxLength: 20 })), {
    selector: ([series, slot]) => series * 60 + slot,
    maxLength: 30,
  })
  .map((cells) =>
    cells.map(([series, slot, readings]): Cell => ({ series, slot, aggregate: aggregateOf(readings, START) })),
  );
const inOrder = (cells: readonly Cell[]) =>
  cells
    .toSorted((a, b) => a.series - b.series || a.slot - b.slot)
    .map(({ series, slot, aggregate }) => ({ series, slot, ...shown(aggregate) }));

t.test('a block gives back what was written into it', async () => {
  fc.assert(
    fc.property(anyCells, (cells) => {
      assert.deepEqual(inOrder(decodeBlock(encodeBlock(cells, START), START)), inOrder(cells));
    }),
    { numRuns: RUNS },
  );
});

t.test('damaged blocks are refused or read as something, and never hang or read past their end', async () => {
  fc.assert(
    fc.property(anyCells, fc.nat(), fc.integer({ min: 0, max: 255 }), (cells, place, byte) => {
      const bytes = encodeBlock(cells, START);
      bytes[place % bytes.length] = byte;
      try {
        decodeBlock(bytes, START);
      } catch (error) {
        assert.ok(error instanceof MdsError && error.code === 'MDS_ROLLUP_CORRUPT', String(error));
      }
    }),
    { numRuns: RUNS },
  );
});

t.test('events give the same aggregate however they are spread over flushes, partitions and restarts', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyReading, fc.nat(5)), { maxLength: 60 }), (events) => {
      const blocks = Array.from({ length: 6 }, (_, part) => {
        const own = events.filter(([, place]) => place === part).map(([reading]) => reading);
        return own.length === 0 ? [] : [{ series: 1, slot: part, aggregate: aggregateOf(own, START) }];
      });
      // merged in two steps, as minutes and then hours are, from bytes
      const halves = [blocks.slice(0, 3), blocks.slice(3)].map((half) =>
        mergeCells(half.flatMap((cells) => decodeBlock(encodeBlock(cells, START), START))),
      );
      const merged = mergeCells(halves.flat())[0]?.aggregate ?? new Aggregate();
      const whole = aggregateOf(
        events.map(([reading]) => reading),
        START,
      );
      assert.deepEqual(shown(merged), shown(whole));
    }),
    { numRuns: RUNS },
  );
});

t.test('functions say what they are about', async (t) => {
  const of = aggregateOf([
    { value: 4, micros: 1 },
    { value: null, micros: 2 },
    { value: 8, micros: 3 },
  ]);
  t.equal(resultOf('count', of, of.sketch, 1000), 3, 'events, with a value or without');
  t.equal(resultOf('rate', of, of.sketch, 60_000), 0.05, 'events a second');
  t.equal(resultOf('avg', of, of.sketch, 1000), 6, 'of the values alone');
  t.ok(Math.abs((resultOf('p99', of, of.sketch, 1000) ?? 0) - 8) <= 0.08, 'of two values the larger one');
  t.equal(of.last, 8);
  const none = aggregateOf([{ value: null, micros: 7 }]);
  t.equal(resultOf('max', none, none.sketch, 1000), null, 'no values, no maximum');
  t.equal(none.lastMicros, 7);
});
