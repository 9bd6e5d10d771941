import t from 'tap';
import { aMeasurement, FILTERS, SAME_MEANING } from './measurement.ts';

const EVENTS = 100_000;

t.test(
  'every modelled filter but the last matches some of the events, and none but the first matches all',
  async (t) => {
    const counts = FILTERS.map(() => 0);
    for (let sequence = 0; sequence < EVENTS; sequence++) {
      const event = aMeasurement(sequence);
      FILTERS.forEach(({ matches }, at) => {
        if (matches(event)) counts[at] = (counts[at] ?? 0) + 1;
      });
    }
    for (const [at, { cel }] of FILTERS.entries()) {
      const count = counts[at] ?? 0;
      if (at === 0) t.equal(count, EVENTS);
      else if (at === FILTERS.length - 1) t.equal(count, 0);
      else t.ok(count > 0 && count < EVENTS / 4, `${count} match ${cel}`);
    }
  },
);

t.test('the same event can be made again', async (t) => {
  t.same(aMeasurement(12_345), aMeasurement(12_345));
  t.not(aMeasurement(12_345, 2).id, aMeasurement(12_345).id);
});

t.test('filters of equal meaning have models that agree', async (t) => {
  for (const [one, other] of SAME_MEANING) {
    for (let sequence = 0; sequence < 1000; sequence++) {
      const event = aMeasurement(sequence);
      if (one.matches(event) !== other.matches(event)) t.fail(`${one.cel} and ${other.cel} differ`);
    }
  }
});
