import assert from 'node:assert/strict';
import t from 'tap';
import { channelsOf, eventType } from '../../bench/suites/kernel/kernel-run.ts';
import { measurePoint } from '../../bench/suites/kernel/measure-point.ts';
import { plannedPoints } from '../../bench/suites/kernel/points.ts';
import { referencePrograms } from '../../bench/suites/kernel/references.ts';
import { spreadOf } from '../../bench/suites/kernel/spread.ts';
import { FILTER_KINDS, kernelWorkload } from '../../bench/suites/kernel/workload.ts';

const CHANNELS = 60;
const EVENTS = 3000;

for (const kind of FILTER_KINDS) {
  for (const matchesPerEvent of [0.1, 1, 3]) {
    t.test(
      `${kind}: ${CHANNELS} different filters, of which an event matches ${matchesPerEvent} on average`,
      async () => {
        const workload = kernelWorkload({ kind, channelCount: CHANNELS, matchesPerEvent });
        const channels = channelsOf(Array.from({ length: CHANNELS }, (_, i) => workload.filter(i)));
        assert.equal(new Set(channels.map(({ id }) => id)).size, CHANNELS);
        const { everyFilter, hashLookup } = referencePrograms(channels, workload, eventType);
        let matches = 0;
        for (let n = 0; n < EVENTS; n++) {
          const event = { ...workload.event(n) };
          const all = everyFilter(event);
          assert.deepEqual([...hashLookup(event)].sort(), [...all].sort());
          matches += all.length;
        }
        const seen = matches / EVENTS;
        assert.ok(Math.abs(seen - matchesPerEvent) < 0.2 * matchesPerEvent, `${seen} matches an event`);
      },
    );
  }
}

t.test('a point is measured only after its matches were found to be right', async () => {
  const shape = { kind: 'mixed', channelCount: 50, matchesPerEvent: 0.5 } as const;
  const effort = { seconds: 0.05, repetitions: 2, warmupSeconds: 0.01, recordEvents: 50, referenceSeconds: 0.01 };
  const { kernel, everyFilter, hashLookup, checked } = await measurePoint({ ...shape, ...effort });
  assert.ok(checked.matches > 100 && checked.exhaustiveEvents > 100);
  assert.equal(kernel.perCore.samples.length, 2);
  assert.ok(kernel.perCore.min > 0 && everyFilter && hashLookup);
});

t.test('no point is planned twice, and the first is the one of the figures', async () => {
  for (const size of ['quick', 'full'] as const) {
    const points = plannedPoints(size);
    const names = points.map(({ kind, channelCount, matchesPerEvent }) => `${kind} ${channelCount} ${matchesPerEvent}`);
    assert.equal(names[0], 'equality 1000 0.1');
    assert.equal(new Set(names).size, names.length);
  }
});

t.test('the median of an even number of samples lies between the two in the middle', async () => {
  assert.deepEqual(spreadOf([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4, samples: [4, 1, 3, 2] });
  assert.equal(spreadOf([7]).median, 7);
});
