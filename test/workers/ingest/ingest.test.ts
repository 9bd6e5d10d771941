// What becomes of a request's events, with Redis and Kafka played.

import t from 'tap';
import { MdsError } from '../../../schemas/errors.ts';
import type { Claim, ClaimedPlace } from '../../../workers/ingest/dedupe-window.ts';
import { EventReader } from '../../../workers/ingest/event-reader.ts';
import { placeKey } from '../../../workers/ingest/event-search.ts';
import { Ingest } from '../../../workers/ingest/ingest.ts';
import { type Cursor, type PlacedRecord, placeInRanges, readHeader } from '../../../workers/ingest/record-place.ts';
import { aTopic, json } from './an-ingest-topic.ts';

const TOPIC = aTopic();
const anEvent = (id: string, host = 'web-1') => ({ id, host });

function setUp(claims: Readonly<Record<string, Claim>> = {}) {
  const world = {
    nowMs: 0,
    /** Places in the claim, for each record. */
    produced: [] as (string | undefined)[],
    keys: [] as unknown[],
    settled: [] as PlacedRecord[],
    open: [] as string[],
    inKafka: new Map<string, Cursor>(),
    kafka: 'up' as 'up' | 'down',
    /** Records with this key are not acknowledged. */
    downKey: '',
    claimTakesMs: 0,
    searchedSinceMs: null as number | null,
    sought: [] as ClaimedPlace[],
  };
  const reader = new EventReader(TOPIC, 10);
  const ingest = new Ingest({
    window: {
      claim: async (_topic, events) => {
        world.nowMs += world.claimTakesMs;
        return new Map(
          events.flatMap(({ eventId, index }) => {
            const claim = claims[eventId ?? ''];
            return claim ? [[index, claim]] : [];
          }),
        );
      },
      settle: async (_topic, _claim, records) => void world.settled.push(...records),
      leaveOpen: async (_topic, _claim, events) => void world.open.push(...events.map(({ eventId }) => eventId ?? '')),
    },
    search: {
      find: async (_topic, places, sinceMs) => {
        world.searchedSinceMs = sinceMs;
        world.sought.push(...places);
        return world.inKafka;
      },
    },
    producer: {
      room: async () => {},
      produce: async (_topic, _partition, _value, key, _time, headers) => {
        if (world.kafka === 'down' || key === world.downKey)
          throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Kafka', reason: 'x' });
        world.produced.push(readHeader(headers?.['mds-claim'] ?? '')?.ranges);
        world.keys.push(key);
        return { partition: 1, offset: world.produced.length - 1 };
      },
    },
    log: { warn: () => {} } as never,
    now: () => world.nowMs,
  });
  const take = (events: readonly unknown[]) => ingest.take(TOPIC, reader.json(json(events)));
  return { world, take };
}

t.test('a new event is produced with its place, and remembered once Kafka has it', async (t) => {
  const { world, take } = setUp();
  t.same(await take([anEvent('a')]), [{ index: 0, status: 'accepted', partition: 1, offset: 0, recordIndex: 0 }]);
  t.same(world.produced, ['0']);
  t.same(world.settled, [{ partition: 1, offset: 0, places: [0] }]);
});

t.test('events of one host share a record, those of another have their own, and each is told its cursor', async (t) => {
  const { world, take } = setUp();
  const results = await take([anEvent('a', 'x'), anEvent('b', 'y'), anEvent('c', 'x')]);
  t.same(world.keys, ['x', 'y']);
  t.same(world.produced, ['0,2', '1']);
  t.match(results, [
    { index: 0, offset: 0, recordIndex: 0 },
    { index: 1, offset: 1, recordIndex: 0 },
    { index: 2, offset: 0, recordIndex: 1 },
  ]);
});

t.test('an event that was accepted before is not produced again, and its place is told', async (t) => {
  const { world, take } = setUp({ a: { kind: 'done', cursor: { partition: 0, offset: 42, recordIndex: 3 } } });
  t.match(await take([anEvent('a')]), [{ status: 'duplicate', partition: 0, offset: 42, recordIndex: 3 }]);
  t.same(world.produced, []);
});

t.test('the same id twice in one request is produced once', async (t) => {
  const { world, take } = setUp();
  t.match(await take([anEvent('a'), anEvent('a')]), [
    { status: 'accepted' },
    { index: 1, status: 'duplicate', partition: null },
  ]);
  t.same(world.produced, ['0']);
});

t.test('what another request is writing right now fails, to be sent again', async (t) => {
  const { world, take } = setUp({ a: { kind: 'busy' } });
  t.match(await take([anEvent('a')]), [{ status: 'failed', code: 'MDS_EVENT_IN_PROGRESS' }]);
  t.same(world.produced, []);
});

t.test('what crashed attempts have left is looked for in Kafka, and only produced when it is not there', async (t) => {
  const older = [
    { claim: 'second', place: 4 },
    { claim: 'first', place: 7 },
  ];
  const { world, take } = setUp({
    a: { kind: 'unsure', older, sinceMs: 1000 },
    b: { kind: 'unsure', older: [{ claim: 'first', place: 8 }], sinceMs: 500 },
  });
  const cursor = { partition: 0, offset: 9, recordIndex: 2 };
  world.inKafka.set(placeKey({ claim: 'first', place: 7 }), cursor);
  t.match(await take([anEvent('a'), anEvent('b')]), [{ status: 'duplicate', ...cursor }, { status: 'accepted' }]);
  t.equal(world.searchedSinceMs, 500);
  t.equal(world.sought.length, 3, 'every claim that the event ever had');
  t.same(world.produced, ['1']);
  t.match(world.settled, [{ ...cursor, places: [0] }, { places: [1] }]);
});

t.test('a record that Kafka does not acknowledge fails, and stays to be looked for', async (t) => {
  const { world, take } = setUp();
  world.downKey = 'y';
  const results = await take([anEvent('a', 'x'), anEvent('b', 'y')]);
  t.match(results, [{ status: 'accepted' }, { status: 'failed', code: 'MDS_DEPENDENCY_UNAVAILABLE' }]);
  t.match(world.settled, [{ places: [0] }]);
  t.same(world.open, ['b']);
});

t.test('when Kafka takes nothing, nothing is settled', async (t) => {
  const { world, take } = setUp();
  world.kafka = 'down';
  t.match(await take([anEvent('a')]), [{ status: 'failed' }]);
  t.same([world.settled, world.open], [[], []]);
});

// A process that is stopped between claiming and producing may wake when another one has taken its claims over.
t.test('nothing is produced on a claim that has grown old', async (t) => {
  const { world, take } = setUp();
  world.claimTakesMs = 6000;
  t.match(await take([anEvent('a')]), [{ status: 'failed' }]);
  t.same(world.produced, []);
});

t.test('places in a record are told from its header, and those that are not in it are not', async (t) => {
  const ranges = '3-5,9,12-13';
  t.same(
    [2, 3, 5, 6, 9, 12, 13, 14].map((place) => placeInRanges(ranges, place)),
    [null, 0, 2, null, 3, 4, 5, null],
  );
  t.equal(placeInRanges('nonsense', 1), null);
});
