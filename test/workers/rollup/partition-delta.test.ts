// Where an event goes: into its second, or counted as left out.

import t from 'tap';
import { closableTo, IDLE_MS, timeBounds } from '../../../workers/rollup/closing.ts';
import { PartitionDelta } from '../../../workers/rollup/partition-delta.ts';
import type { PartitionState } from '../../../workers/rollup/rollup-store.ts';
import { OVERFLOW, SeriesNames } from '../../../workers/rollup/series-names.ts';

const MINUTE = 60_000_000;
const NOW_MS = 1_770_000_000_000;
const NOW_MINUTE = Math.floor(NOW_MS / 60_000);
const DAY_MS = 86_400_000;
const state: PartitionState = {
  rollupId: 1,
  partition: 0,
  seq: 4,
  nextOffset: 10,
  newestMicros: NOW_MS * 1000,
  closedMinute: NOW_MINUTE - 5,
};
const bounds = timeBounds(state, NOW_MS, DAY_MS);

t.test('an event goes into its second; those without a place are counted', async (t) => {
  const delta = new PartitionDelta(10);
  const at = (minute: number, second = 0) => minute * MINUTE + second * 1_000_000 + 5;
  delta.add(1, at(NOW_MINUTE, 7), 3, bounds);
  delta.add(1, at(NOW_MINUTE, 7), 4, bounds);
  delta.add(1, at(NOW_MINUTE - 4), 1, bounds);
  delta.add(1, at(NOW_MINUTE - 5, 59), 1, bounds);
  delta.add(1, at(NOW_MINUTE + 6), 1, bounds);
  delta.add(1, at(0), 1, bounds);
  t.match(delta, { events: 6, late: 2, ahead: 1, cells: 2 });
  t.same(delta.minutes, [NOW_MINUTE - 4, NOW_MINUTE]);
  const [cell] = delta.cellsOf(NOW_MINUTE, () => 9);
  t.match(cell, { series: 9, slot: 7, aggregate: { count: 2, sum: 7 } });
});

t.test('what was never closed is late only when it is older than anything that is kept', async (t) => {
  const delta = new PartitionDelta(0);
  const open = timeBounds({ ...state, closedMinute: 0 }, NOW_MS, DAY_MS);
  delta.add(1, (NOW_MS - DAY_MS - 1) * 1000, 1, open);
  delta.add(1, (NOW_MS - DAY_MS + 1) * 1000, 1, open);
  t.match(delta, { late: 1, cells: 1 });
});

t.test('a minute may close when an event came that is later than its end by the lateness', async (t) => {
  const end = (NOW_MINUTE + 1) * MINUTE;
  t.equal(closableTo(end + 120_000_000 - 1, 120_000, 0), NOW_MINUTE - 1);
  t.equal(closableTo(end + 120_000_000, 120_000, 0), NOW_MINUTE);
  t.equal(closableTo(end + 5, 120_000, IDLE_MS), NOW_MINUTE + 1, 'a partition that is silent closes what it has');
  t.ok(closableTo(0, 120_000, IDLE_MS) <= 0, 'and nothing, when it never had anything');
});

t.test('series beyond the limit are the overflow, also those that another worker has named', async (t) => {
  const names = new SeriesNames(3, [['a', 1]]);
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((key) => names.placeOf(key));
  t.equal(d, OVERFLOW, 'a fourth one has no place');
  t.equal(names.placeOf('b'), b);
  t.same(names.pending(), ['b', 'c']);
  names.named(new Map([['b', 2]])); // there was room for one only: others have taken the rest
  t.same(
    [a, b, c].map((place) => names.idOf(place ?? 0)),
    [1, 2, OVERFLOW],
  );
  t.equal(names.placeOf('e'), OVERFLOW);
  t.same(names.pending(), []);
});

t.test('series that share a number are one in a block', async (t) => {
  const delta = new PartitionDelta(0);
  delta.add(1, NOW_MS * 1000, 3, bounds);
  delta.add(2, NOW_MS * 1000, 4, bounds);
  const cells = delta.cellsOf(NOW_MINUTE, () => OVERFLOW);
  t.equal(cells.length, 1);
  t.match(cells[0], { series: OVERFLOW, aggregate: { count: 2, sum: 7 } });
});
