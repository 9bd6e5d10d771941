import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { decodeRecentCursor, encodeRecentCursor } from '../../../workers/query/recent/recent-cursor.ts';
import {
  type Left,
  type Order,
  type RecentEvent,
  type ScannedRecord,
  scanRecent,
} from '../../../workers/query/recent/recent-scan.ts';
import { RUNS } from '../../schemas/damage.ts';

/** By partition: records in order of offsets; holes are where nothing is. */
type Log = readonly (readonly ScannedRecord[])[];

const anyLog: fc.Arbitrary<Log> = fc.array(
  fc.array(fc.record({ gap: fc.nat(3), later: fc.nat(20), events: fc.nat(4) }), { maxLength: 40 }).map((steps) => {
    let [offset, timestampMs] = [0, 1000];
    return steps.map(({ gap, later, events }): ScannedRecord => {
      offset += gap + 1;
      timestampMs += later;
      return { offset, timestampMs, events: Array.from({ length: events }, (_, index) => ({ index, json: '{}' })) };
    });
  }),
  { minLength: 1, maxLength: 4 },
);

const readerOf = (log: Log) => async (pieces: readonly { partition: number; from: number; to: number }[]) =>
  new Map(
    pieces.map(({ partition, from, to }) => [
      partition,
      (log[partition] ?? []).filter(({ offset }) => offset >= from && offset < to),
    ]),
  );
const nameOf = ({ partition, offset, index }: Pick<RecentEvent, 'partition' | 'offset' | 'index'>) =>
  `${partition}/${offset}/${index}`;

t.test('pages give every event once, in order of time, wherever they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyLog,
      fc.constantFrom<Order>('newest', 'oldest'),
      fc.array(fc.record({ events: fc.integer({ min: 1, max: 9 }), records: fc.integer({ min: 1, max: 30 }) }), {
        minLength: 1,
        maxLength: 9,
      }),
      async (log, order, cuts) => {
        let left: Left[] = log.map((records, partition) => ({
          partition,
          from: 0,
          to: (records.at(-1)?.offset ?? 0) + 1,
          given: 0,
        }));
        const found: RecentEvent[] = [];
        for (let page = 0; ; page++) {
          assert.ok(page < 2000, 'it ends');
          const { events = 1, records = 1 } = cuts[page % cuts.length] ?? {};
          const some = await scanRecent(left, order, { events, records, goesOn: () => true }, readerOf(log));
          assert.ok(some.length <= events);
          found.push(...some);
          const cursor = encodeRecentCursor({ topicId: 7, order, left });
          if (cursor === null) break;
          left = decodeRecentCursor(cursor, 7).left;
        }
        const all = log.flatMap((records, partition) =>
          records.flatMap(({ offset, events }) => events.map(({ index }) => nameOf({ partition, offset, index }))),
        );
        assert.deepEqual(found.map(nameOf).sort(), all.sort());
        const times = found.map(({ timestampMs }) => (order === 'newest' ? -timestampMs : timestampMs));
        assert.deepEqual(
          times,
          times.toSorted((a, b) => a - b),
        );
      },
    ),
    { numRuns: RUNS },
  );
});

t.test('a token of another topic, or none at all, is refused', async (t) => {
  const token = encodeRecentCursor({ topicId: 7, order: 'newest', left: [{ partition: 0, from: 1, to: 5, given: 0 }] });
  t.throws(() => decodeRecentCursor(token ?? '', 8), { code: 'MDS_PAGE_TOKEN_INVALID' });
  t.throws(() => decodeRecentCursor('nonsense', 7), { code: 'MDS_PAGE_TOKEN_INVALID' });
});

t.test('a record that retention deleted in the middle of its events hides none of the next one', async (t) => {
  const events = [0, 1, 2].map((index) => ({ index, json: '{}' }));
  const left: Left[] = [{ partition: 0, from: 4, to: 6, given: 2 }];
  const log: Log = [[{ offset: 5, timestampMs: 1, events }]];
  const found = await scanRecent(left, 'oldest', { events: 9, records: 9, goesOn: () => true }, readerOf(log));
  t.equal(found.length, 3);
});
