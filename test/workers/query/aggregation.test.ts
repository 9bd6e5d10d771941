// Rows of an answer equal what plain merging gives, also when most of them were made for an earlier answer.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Aggregate, type AggregateFunction, resultOf } from '../../../schemas/rollup/aggregate.ts';
import type { Cell } from '../../../schemas/rollup/series-block.ts';
import { type AggregateRow, aggregate, type Grouping, NOT_ASKED } from '../../../workers/query/rollup/aggregation.ts';
import type { Bucket } from '../../../workers/query/rollup/rollup-memory.ts';
import { SeriesTable } from '../../../workers/query/rollup/series-table.ts';
import { SpanCache } from '../../../workers/query/rollup/span-cache.ts';
import { bucketsOf, type Windows, windowsOf } from '../../../workers/query/rollup/windows.ts';
import { RUNS } from '../../schemas/damage.ts';
import { aggregateOf, anyReading } from '../../schemas/rollup/builders.ts';

const BEGIN_MS = 1_770_000_000_000 - (1_770_000_000_000 % 3_600_000);
const MINUTES = 12;
const FUNCTIONS: readonly AggregateFunction[] = ['count', 'sum', 'avg', 'min', 'max', 'p50', 'p99', 'rate'];

/** Series 1 to 4 in two groups; 5 is not asked for; 0 has no series of its own. */
const grouping: Grouping = {
  groups: [['a'], ['b']],
  groupOf: (series) => (series === 5 ? NOT_ASKED : series % 2),
  overflowGroup: null,
};

interface Flushed {
  readonly minute: number;
  readonly cell: Cell;
}
const anyFlushed: fc.Arbitrary<Flushed> = fc
  .record({
    minute: fc.nat(MINUTES - 1),
    series: fc.nat(5),
    slot: fc.nat(59),
    readings: fc.array(anyReading, { minLength: 1, maxLength: 4 }),
  })
  .map(({ minute, series, slot, readings }) => ({ minute, cell: { series, slot, aggregate: aggregateOf(readings) } }));

/** Every cell by itself, merged into one aggregate for each window and group. */
function plainRows(windows: Windows, flushed: readonly Flushed[]) {
  const byPlace = new Map<string, { startMs: number; group: number; merged: Aggregate }>();
  let leftOutEvents = 0;
  for (const { minute, cell } of flushed) {
    const atMs = BEGIN_MS + minute * 60_000 + (windows.level === 'second' ? cell.slot * 1000 : 0);
    if (atMs < windows.fromMs || atMs >= windows.toMs) continue;
    if (cell.series === 0) leftOutEvents += cell.aggregate.count;
    if (cell.series === 0 || cell.series === 5) continue;
    const startMs = Math.floor(atMs / windows.windowMs) * windows.windowMs;
    const place = { startMs, group: cell.series % 2, merged: new Aggregate() };
    const known = byPlace.get(`${startMs} ${place.group}`) ?? place;
    byPlace.set(`${startMs} ${place.group}`, known);
    known.merged.merge(cell.aggregate);
  }
  const rows = [...byPlace.values()]
    .sort((a, b) => a.startMs - b.startMs || a.group - b.group)
    .map(({ startMs, group, merged }) => ({
      startMs,
      group: grouping.groups[group],
      values: Object.fromEntries(
        FUNCTIONS.map((name) => [name, resultOf(name, merged, merged.sketch, windows.windowMs)]),
      ),
    }));
  return { rows, leftOutEvents };
}

t.test('answers equal plain merging after every flush, whatever range is asked', async () => {
  const anyQuestion = fc.record({
    windowMs: fc.constantFrom(1000, 10_000, 60_000, 300_000),
    from: fc.nat(MINUTES * 60 - 1),
    seconds: fc.integer({ min: 1, max: MINUTES * 60 }),
  });
  const anyRound = fc.record({ flushed: fc.array(anyFlushed, { maxLength: 8 }), questions: fc.array(anyQuestion) });
  fc.assert(
    fc.property(fc.array(anyRound, { minLength: 1, maxLength: 5 }), (rounds) => {
      const spans = new SpanCache(1000);
      const tables = { second: new Map<number, Bucket>(), minute: new Map<number, Bucket>() };
      const all: Flushed[] = [];
      for (const { flushed, questions } of rounds) {
        all.push(...flushed);
        for (const level of ['second', 'minute'] as const) {
          for (const { minute, cell } of flushed) {
            const { table } = bucketAt(tables[level], BEGIN_MS / 60_000 + minute);
            table.add(cell, level === 'second');
            table.changed();
          }
        }
        for (const { windowMs, from, seconds } of questions) {
          const fromMs = BEGIN_MS + from * 1000;
          const windows = windowsOf(windowMs, fromMs, fromMs + seconds * 1000);
          if (windows.level === 'hour') continue;
          const held = tables[windows.level];
          const numbers = bucketsOf(windows);
          const buckets = numbers.map((number) => bucketAt(held, number));
          const question = { windows, functions: FUNCTIONS, grouping };
          const answer = aggregate(question, numbers, buckets, spans.of(String(windowMs)));
          assert.deepEqual(answer, plainRows(windows, all));
        }
      }
    }),
    { numRuns: RUNS },
  );
});

function bucketAt(held: Map<number, Bucket>, number: number): Bucket {
  const bucket = held.get(number) ?? { table: new SeriesTable(), seqs: new Map() };
  held.set(number, bucket);
  return bucket;
}

t.test('only what has changed is made anew, and no more is kept than there is room for', async (t) => {
  const spans = new SpanCache(8);
  const windows = windowsOf(60_000, BEGIN_MS, BEGIN_MS + 4 * 60_000);
  const numbers = bucketsOf(windows);
  const buckets = numbers.map((): Bucket => ({ table: new SeriesTable(), seqs: new Map() }));
  const add = (minute: number): void => {
    const table = buckets[minute]?.table;
    table?.add({ series: 1, slot: 0, aggregate: aggregateOf([{ value: 1, micros: 1 }]) }, false);
    table?.changed();
  };
  for (let minute = 0; minute < 2; minute++) add(minute);
  const ask = (question: string): readonly AggregateRow[] =>
    aggregate({ windows, functions: ['count'], grouping }, numbers, buckets, spans.of(question)).rows;
  const first = ask('q');
  add(1);
  const second = ask('q');
  t.equal(second[0], first[0], 'the very row');
  t.match([first[1], second[1]], [{ values: { count: 1 } }, { values: { count: 2 } }]);
  for (let i = 0; i < 9; i++) ask(`other ${i}`);
  t.not(ask('q')[0], first[0], 'what was used longest ago has gone');
  t.same(ask('q'), second, 'and is made anew');
});
