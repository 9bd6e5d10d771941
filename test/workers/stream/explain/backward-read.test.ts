import t from 'tap';
import { BackwardRead, type OffsetWindow } from '../../../../workers/stream/explain/backward-read.ts';
import { lastEvents } from '../../../../workers/stream/explain/last-events.ts';

const MIB = 1_048_576;
/** A record in a log: when it was written, and how many events it holds. */
interface Logged {
  readonly timestampMs: number;
  readonly events: number;
}

/** Reads logs as the sampler does. */
function readBackwards(logs: readonly (readonly Logged[])[], wanted: number, recordBytes = 100, maxBytes = MIB) {
  const ranges = logs.map((log, partition) => ({ partition, lowOffset: 0, highOffset: log.length }));
  const backward = new BackwardRead(
    ranges.filter(({ highOffset }) => highOffset > 0),
    wanted,
    maxBytes,
  );
  const records: { slab: number; place: number; timestampMs: number; offset: number; events: number }[] = [];
  const rounds: OffsetWindow[][] = [];
  const sum = (): number => records.reduce((events, record) => events + record.events, 0);
  for (;;) {
    const events = sum();
    const cutMs = events >= wanted ? (lastEvents(records, wanted).at(-1)?.timestampMs ?? null) : null;
    const windows = backward.next({ records: records.length, events, bytes: records.length * recordBytes, cutMs });
    if (windows.length === 0) break;
    rounds.push(windows);
    for (const { partition, from, to } of windows) {
      for (let offset = from; offset < to; offset++) {
        const record = logs[partition]?.[offset];
        if (!record) throw new Error(`partition ${partition} has no record ${offset}`);
        backward.saw(partition, record.timestampMs);
        records.push({ slab: partition, place: offset, offset, ...record });
      }
    }
  }
  return { records, rounds, picked: lastEvents(records, wanted), hasMore: backward.hasMore };
}

const aLog = (length: number, each: (offset: number) => Logged): Logged[] => Array.from({ length }, (_, i) => each(i));

t.test('a topic with fewer events than wanted is read to its beginning', async (t) => {
  const { records, hasMore } = readBackwards([aLog(30, (i) => ({ timestampMs: i, events: 1 })), []], 1000);
  t.same(
    records.map(({ offset }) => offset).sort((a, b) => a - b),
    Array.from({ length: 30 }, (_, i) => i),
    'each record once',
  );
  t.equal(hasMore, false);
});

t.test('single events are read in two rounds, batch records in one', async (t) => {
  const single = readBackwards([aLog(50_000, (i) => ({ timestampMs: i, events: 1 }))], 1000);
  t.equal(single.rounds.length, 2);
  t.ok(single.records.length < 1300, `${single.records.length} records`);
  const batches = readBackwards([aLog(50_000, (i) => ({ timestampMs: i, events: 100 }))], 1000);
  t.equal(batches.rounds.length, 1);
});

t.test('the last events are those with the latest times, however unevenly partitions are filled', async (t) => {
  const busy = aLog(5000, (i) => ({ timestampMs: 10_000 + i, events: 1 }));
  const idle = aLog(5000, (i) => ({ timestampMs: i, events: 1 }));
  const bursts = aLog(100, (i) => ({ timestampMs: 10_000 + i * 50, events: 7 }));
  const { picked } = readBackwards([idle, busy, bursts], 2000);
  const all = [idle, busy, bursts].flatMap((log, slab) => log.map((record, offset) => ({ ...record, slab, offset })));
  const newest = all.sort((a, b) => b.timestampMs - a.timestampMs || b.offset - a.offset);
  let events = 0;
  const expected = newest.filter(({ events: count }) => {
    const isLast = events < 2000;
    events += count;
    return isLast;
  });
  t.same(
    picked.map(({ slab, offset }) => `${slab}/${offset}`),
    expected.map(({ slab, offset }) => `${slab}/${offset}`),
  );
});

t.test('no more bytes are read than allowed', async (t) => {
  const { records, hasMore } = readBackwards([aLog(5000, (i) => ({ timestampMs: i, events: 1 }))], 4000, 10_000);
  t.ok(records.length * 10_000 <= MIB, `${records.length} records of 10,000 bytes`);
  t.ok(records.length > 50, 'but nearly as many');
  t.equal(hasMore, true);
});

t.test('records that hold no events do not make it go on for ever', async (t) => {
  const { picked, hasMore } = readBackwards([aLog(5000, (i) => ({ timestampMs: i, events: 0 }))], 100);
  t.same([picked.length, hasMore], [0, false]);
});

t.test('of the oldest record only the last events are taken', async (t) => {
  const records = [5, 5, 5].map((events, offset) => ({ slab: 0, place: offset, offset, timestampMs: offset, events }));
  t.same(
    lastEvents(records, 7).map(({ offset, skip }) => [offset, skip]),
    [
      [2, 0],
      [1, 3],
    ],
  );
  t.same(lastEvents(records, 100).length, 3);
});
