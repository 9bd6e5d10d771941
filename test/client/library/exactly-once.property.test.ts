// Whatever the network and the edge do — drops, goodbyes, frames twice, slow readers, tiny buffers, catching up while live,
// ranges that Kafka no longer has — the user of a subscription sees each matching event once, and those of a partition in
// order, or is told that it is gone. The edge here is a small honest model of the real one.

import fc from 'fast-check';
import t from 'tap';
import { connect, type Gap, type Subscription } from '../../../client/library/index.ts';
import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import { dataOf, EdgeModel, PARTITIONS } from './edge-model.ts';
import { aWorld, type FakeWorld, settle } from './fake-runtime.ts';

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      partition: fc.nat(PARTITIONS - 1),
      count: fc.integer({ min: 1, max: 4 }),
      again: fc.nat(3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const), goodbye: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('replay' as const),
      limit: fc.integer({ min: 1, max: 5 }),
      which: fc.nat(2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('catchUp' as const),
      announced: fc.boolean(),
      partition: fc.nat(PARTITIONS - 1),
      missed: fc.integer({ min: 1, max: 4 }),
      which: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), limit: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Reads without ever waiting: a pending read is kept for the next time. */
class Reader {
  readonly seen: string[] = [];
  readonly #iterator: AsyncIterator<{ readonly data: string }>;
  #pending = false;

  constructor(subscription: Subscription<string>) {
    this.#iterator = subscription[Symbol.asyncIterator]();
  }

  async read(count: number): Promise<void> {
    for (let i = 0; i < count && !this.#pending; i++) {
      this.#pending = true;
      void this.#iterator.next().then(({ done, value }) => {
        this.#pending = false;
        if (!done) this.seen.push(value.data);
      });
      await settle();
    }
  }
}

async function advance(world: FakeWorld, edge: EdgeModel, known: { sockets: number }): Promise<void> {
  world.clock.advance(60_000);
  await settle();
  if (world.sockets.length > known.sockets) {
    known.sockets = world.sockets.length;
    edge.serve(world.socket());
  }
  edge.answer();
}

async function run(steps: readonly Step[], bufferEvents: number): Promise<void> {
  const world = aWorld();
  const edge = new EdgeModel();
  const known = { sockets: 0 };
  const client = connect({ url: 'ws://edge.test/', runtime: world.runtime });
  const gaps: Gap[][] = [[], []];
  const subscriptions = [bufferEvents, 1000].map((limit, i) =>
    client.subscribe<string>({ topic: 'a', bufferEvents: limit, onGap: (gap) => gaps[i]?.push(gap) }),
  );
  await advance(world, edge, known);
  const readers = subscriptions.map((subscription) => new Reader(subscription));
  for (const current of steps) {
    if (current.do === 'publish')
      edge.publish(current.partition, fresh(edge, current.partition, current.count), current.again);
    if (current.do === 'drop') edge.disconnect(current.goodbye);
    if (current.do === 'replay') edge.replay(current.limit, current.which);
    if (current.do === 'catchUp') {
      edge.catchUp(current.announced);
      edge.publish(current.partition, fresh(edge, current.partition, current.missed), 0);
      edge.replay(5, current.which);
    }
    if (current.do === 'expire') edge.expire(current.limit);
    if (current.do === 'wait') await advance(world, edge, known);
    if (current.do === 'read') await readers[0]?.read(current.count);
    edge.answer();
  }
  const expected = (reader: number): string[] =>
    edge.log.flatMap((events, p) => notGone(p, events, gaps[reader] ?? []));
  const isDone = ({ seen }: Reader, i: number): boolean => seen.length >= expected(i).length;
  for (let round = 0; round < 500 && !readers.every(isDone); round++) {
    if (client.state.state !== 'open') await advance(world, edge, known);
    edge.answer();
    edge.replay(3);
    for (const reader of readers) await reader.read(20);
  }
  for (const [i, { seen }] of readers.entries()) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const all = expected(i).filter((data) => data.startsWith(`${partition}:`));
      const got = seen.filter((data) => data.startsWith(`${partition}:`));
      if (got.join() !== all.join()) throw new Error(`reader ${i}: ${got.join()} instead of ${all.join()}`);
      const reached = decodeResumeToken(subscriptions[i]?.token ?? '').position.get(partition);
      const end = edge.log[partition]?.at(-1);
      if (end && (!reached || compareCursors(reached, end) !== 0))
        throw new Error(`the token of reader ${i} is not at the end`);
    }
  }
  client.close();

  function notGone(partition: number, events: readonly Cursor[], told: readonly Gap[]): string[] {
    const isTold = (cursor: Cursor): boolean =>
      told.some(
        (gap) => gap.partition === partition && isWithin(cursor, gap) && edge.expired.has(dataOf(partition, cursor)),
      );
    return events.filter((cursor) => !isTold(cursor)).map((cursor) => dataOf(partition, cursor));
  }
}

/** The next cursors of a partition. Two events share a record now and then. */
function fresh({ log }: EdgeModel, partition: number, count: number): Cursor[] {
  const last = log[partition]?.at(-1) ?? { offset: -1, index: 0 };
  return Array.from({ length: count }, (_, i) => ({ offset: last.offset + 1 + (i >> 1), index: i & 1 }));
}

const isWithin = (cursor: Cursor, { from, to }: Gap): boolean =>
  compareCursors(cursor, from) > 0 && compareCursors(cursor, to) <= 0;

t.test('each event is seen once and in order, whatever breaks meanwhile', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), fc.integer({ min: 1, max: 8 }), run),
    {
      numRuns: 120,
    },
  );
  t.pass();
});
