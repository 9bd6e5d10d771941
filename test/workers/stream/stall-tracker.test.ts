// When a consumer counts as stopped, and what is tried in which order.

import t from 'tap';
import { StallTracker } from '../../../workers/stream/stall-tracker.ts';

const at = (slot: number, position: number, end: number) => ({ slot, position, end });
const STALL_MS = 100;

t.test('a partition that is at its end is in order, however long nothing comes', async (t) => {
  const tracker = new StallTracker(STALL_MS);
  for (const nowMs of [0, 100, 1000, 100_000]) t.same(tracker.observe(nowMs, [at(1, 5, 5)]), { step: 'none' });
  t.same(tracker.observe(100_001, [at(1, 5, 6)]), { step: 'none' }, 'a record that has just come is not late');
});

t.test('first the partition is assigned anew, then the consumer is made anew three times, then it ends', async (t) => {
  const tracker = new StallTracker(STALL_MS);
  const steps = [0, 99, 100, 199, 200, 300, 400, 499, 500].map((nowMs) => tracker.observe(nowMs, [at(1, 5, 9)]));
  t.same(
    steps.map(({ step }) => step),
    ['none', 'none', 'reassign', 'none', 'reopen', 'reopen', 'reopen', 'none', 'give-up'],
  );
  t.match(steps[2], { slots: [1] });
});

t.test('a record that comes begins it all anew', async (t) => {
  const tracker = new StallTracker(STALL_MS);
  for (const nowMs of [0, 100, 200]) tracker.observe(nowMs, [at(1, 5, 9)]);
  t.same(tracker.observe(290, [at(1, 6, 9)]), { step: 'none' });
  t.same(tracker.observe(389, [at(1, 6, 9)]), { step: 'none' });
  t.match(tracker.observe(390, [at(1, 6, 9)]), { step: 'reassign' });
  tracker.observe(400, []);
  t.same(tracker.observe(600, [at(1, 6, 9)]), { step: 'none' }, 'it was doing well in between');
});

t.test('a new connection counts for all partitions that wait', async (t) => {
  const tracker = new StallTracker(STALL_MS);
  tracker.observe(0, [at(1, 5, 9)]);
  tracker.observe(100, [at(1, 5, 9)]);
  tracker.observe(150, [at(1, 5, 9), at(2, 0, 3)]);
  t.same(tracker.observe(200, [at(1, 5, 9), at(2, 0, 3)]), { step: 'reopen', slots: [1] });
  t.same(tracker.observe(260, [at(1, 5, 9), at(2, 0, 3)]), { step: 'none' }, 'the second has a new connection, too');
  t.match(tracker.observe(300, [at(2, 0, 3)]), { step: 'reopen', slots: [2] });
});
