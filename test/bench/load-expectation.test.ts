import t from 'tap';
import { type LoadShape, templateAt } from '../../bench/load/events.ts';
import { ExpectedStream, expectedCount, type Wanted } from '../../bench/load/expectation.ts';

const SHAPE: LoadShape = { partitions: 2, eventsPerRecord: 4, templates: 3, cardinality: 1 };
/** Template 0: two events, 1: none, 2: one. */
const WANTED: Wanted = [Int32Array.from([1, 3]), new Int32Array(0), Int32Array.from([0])];

/** What partition 1 holds, record by record. */
const due = (records: number): [number, number][] =>
  Array.from({ length: records }, (_, offset) => offset).flatMap((offset) =>
    [...(WANTED[templateAt(SHAPE, 1, offset)] ?? [])].map((index): [number, number] => [offset, index]),
  );

function streamOf(wanted = WANTED, from = 0) {
  const faults = { lost: 0, unexpected: 0 };
  return { faults, stream: new ExpectedStream(wanted, SHAPE, 1, from, faults) };
}

t.test('everything that is due, in order, is faultless', async (t) => {
  const { faults, stream } = streamOf();
  for (const [offset, index] of due(10)) stream.take(offset, index);
  t.strictSame(faults, { lost: 0, unexpected: 0 });
  t.equal(stream.missing(10), 0);
});

t.test('an event that is left out is lost, one that comes again is unexpected', async (t) => {
  const { faults, stream } = streamOf();
  const events = due(10);
  events.forEach(([offset, index], i) => {
    if (i !== 2) stream.take(offset, index);
    if (i === 4) stream.take(offset, index);
  });
  t.strictSame(faults, { lost: 1, unexpected: 1 });
});

t.test('an event that nobody asked for is unexpected, and what follows is not disturbed', async (t) => {
  const { faults, stream } = streamOf();
  const [[offset, index] = [0, 0], ...rest] = due(10);
  stream.take(offset, index);
  stream.take(offset, index + 2);
  for (const [nextOffset, nextIndex] of rest) stream.take(nextOffset, nextIndex);
  t.ok(faults.unexpected + faults.lost >= 1);
});

t.test('what has not come by the end is missing', async (t) => {
  const { stream } = streamOf();
  const events = due(12);
  for (const [offset, index] of events.slice(0, 3)) stream.take(offset, index);
  t.equal(stream.missing(12), events.length - 3);
});

t.test('a stream may begin in the middle', async (t) => {
  const { faults, stream } = streamOf(WANTED, 5);
  for (const [offset, index] of due(12).filter(([at]) => at >= 5)) stream.take(offset, index);
  t.strictSame(faults, { lost: 0, unexpected: 0 });
});

t.test('a filter that passes nothing is never due', async (t) => {
  const { faults, stream } = streamOf([new Int32Array(0), new Int32Array(0), new Int32Array(0)]);
  t.equal(stream.missing(1_000_000), 0);
  stream.take(3, 0);
  t.strictSame(faults, { lost: 0, unexpected: 1 });
});

t.test('the count of what is due is that of going through all records', async (t) => {
  for (const records of [0, 1, 2, 3, 7, 30, 31]) {
    t.equal(expectedCount(WANTED, SHAPE, [0, records]), due(records).length, `${records} records`);
  }
});
