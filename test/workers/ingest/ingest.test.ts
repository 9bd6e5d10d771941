// What becomes of a request's events, with Redis and Kafka played.

import t from 'tap';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { AcceptedEvent, Claim } from '../../../workers/ingest/dedupe-window.ts';
import { EventBatchReader } from '../../../workers/ingest/event-batch.ts';
import { Ingest } from '../../../workers/ingest/ingest.ts';

const SCHEMA = {
  type: 'record',
  name: 'E',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'host', type: 'string' },
    { name: 'value', type: 'double', default: 0 },
  ],
};
const TOPIC: CatalogTopic = {
  topicId: 1,
  tenant: 'default',
  name: 't',
  kafkaTopic: 'default.t',
  deadLetterTopic: 'default.dead-letter',
  partitions: 2,
  schemaId: 7,
  schema: JSON.stringify(SCHEMA),
};
const reader = new EventBatchReader(TOPIC, 10);
const anEvent = (id: string) => ({ id, host: 'web-1' });

function setUp(claims: Readonly<Record<string, Claim>> = {}) {
  const world = {
    nowMs: 0,
    produced: [] as string[],
    settled: [] as AcceptedEvent[],
    inKafka: new Map<string, AcceptedEvent>(),
    kafka: 'up' as 'up' | 'down',
    claimTakesMs: 0,
    searchedSinceMs: null as number | null,
  };
  const ingest = new Ingest({
    window: {
      claim: async (_topic, ids) => {
        world.nowMs += world.claimTakesMs;
        return ids.map((id) => claims[id] ?? { kind: 'new' });
      },
      settle: async (_topic, events) => void world.settled.push(...events),
    },
    search: {
      find: async (_topic, ids, sinceMs) => {
        world.searchedSinceMs = sinceMs;
        return [...ids].flatMap((id) => world.inKafka.get(id) ?? []);
      },
    },
    producer: {
      room: async () => {},
      produce: async (_topic, _partition, _value, _key, _time, headers) => {
        if (world.kafka === 'down')
          throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Kafka', reason: 'x' });
        world.produced.push(headers?.['mds-event-id'] ?? '');
        return { partition: 1, offset: world.produced.length - 1 };
      },
    },
    log: { warn: () => {} } as never,
    now: () => world.nowMs,
  });
  const take = (events: readonly unknown[]) => ingest.take(TOPIC, reader.read(JSON.stringify(events), 'array'));
  return { world, take };
}

t.test('a new event is produced with its id, and remembered once Kafka has it', async (t) => {
  const { world, take } = setUp();
  t.match(await take([anEvent('a')]), {
    accepted: 1,
    results: [{ index: 0, status: 'accepted', partition: 1, offset: 0 }],
  });
  t.same(world.produced, ['a']);
  t.same(world.settled, [{ eventId: 'a', partition: 1, offset: 0 }]);
});

t.test('an event that was accepted before is not produced again, and its place is told', async (t) => {
  const { world, take } = setUp({ a: { kind: 'done', partition: 0, offset: 42 } });
  t.match(await take([anEvent('a')]), {
    duplicates: 1,
    results: [{ status: 'duplicate', partition: 0, offset: 42 }],
  });
  t.same(world.produced, []);
});

t.test('the same id twice in one request is produced once', async (t) => {
  const { world, take } = setUp();
  const { results } = await take([anEvent('a'), anEvent('a')]);
  t.match(results, [{ status: 'accepted' }, { index: 1, status: 'duplicate', partition: null }]);
  t.same(world.produced, ['a']);
});

t.test('what another request is writing right now fails, to be sent again', async (t) => {
  const { world, take } = setUp({ a: { kind: 'busy' } });
  t.match(await take([anEvent('a')]), { failed: 1, results: [{ code: 'MDS_EVENT_IN_PROGRESS' }] });
  t.same(world.produced, []);
});

t.test('what a crashed attempt has left is looked for in Kafka, and only produced when it is not there', async (t) => {
  const unsure = { kind: 'unsure', claimedMs: 1000 } as const;
  const { world, take } = setUp({ a: unsure, b: { ...unsure, claimedMs: 500 } });
  world.inKafka.set('a', { eventId: 'a', partition: 0, offset: 9 });
  const { results } = await take([anEvent('a'), anEvent('b')]);
  t.match(results, [{ status: 'duplicate', partition: 0, offset: 9 }, { status: 'accepted' }]);
  t.equal(world.searchedSinceMs, 500);
  t.same(world.produced, ['b']);
});

t.test('a record that Kafka does not acknowledge fails and is not remembered as accepted', async (t) => {
  const { world, take } = setUp();
  world.kafka = 'down';
  t.match(await take([anEvent('a')]), { failed: 1, results: [{ code: 'MDS_DEPENDENCY_UNAVAILABLE' }] });
  t.same(world.settled, []);
});

// A process that is stopped between claiming and producing may wake when another one has taken its claims over.
t.test('nothing is produced on a claim that has grown old', async (t) => {
  const { world, take } = setUp();
  world.claimTakesMs = 6000;
  t.match(await take([anEvent('a')]), { failed: 1 });
  t.same(world.produced, []);
});

t.test('an event that is not valid is rejected with its place, and the others go on', async (t) => {
  const { world, take } = setUp();
  const { results } = await take([{ id: 'a' }, { ...anEvent('b'), vlaue: 1 }, anEvent('c')]);
  t.match(results, [
    { index: 0, status: 'rejected', code: 'MDS_EVENT_INVALID', path: '$.host' },
    { index: 1, status: 'rejected', detail: /did you mean value\?/ },
    { index: 2, status: 'accepted' },
  ]);
  t.same(world.produced, ['c']);
});

t.test('one event a line: a line that is not JSON is rejected by its number', async (t) => {
  const { events, results } = reader.read(
    `${JSON.stringify(anEvent('a'))}\n{"id":\n\n${JSON.stringify(anEvent('b'))}\n`,
    'lines',
  );
  t.same(
    events.map(({ index, eventId, key }) => [index, eventId, key]),
    [
      [0, 'a', 'web-1'],
      [2, 'b', 'web-1'],
    ],
  );
  t.match(results, [{ index: 1, status: 'rejected', detail: /not JSON/ }]);
});

t.test('a body that is no JSON, or too many events, is refused whole', async (t) => {
  t.throws(() => reader.read('[{', 'array'), { code: 'MDS_REQUEST_INVALID' });
  const many = JSON.stringify(Array.from({ length: 11 }, (_, i) => anEvent(String(i))));
  t.throws(() => reader.read(many, 'array'), { code: 'MDS_REQUEST_INVALID' });
});
