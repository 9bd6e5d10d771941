// Whatever the network does — drops, goodbyes, frames twice, slow readers, tiny buffers — the user of a subscription sees
// each matching event once, and those of a partition in order. The edge here is a small honest model of the real one.

import fc from 'fast-check';
import t from 'tap';
import { connect, type Subscription } from '../../../client/library/index.ts';
import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import type { ClientMessage, WireCursor } from '../../../schemas/frames.ts';
import { decodeResumeToken, encodeResumeToken } from '../../../schemas/resume-token.ts';
import { aWorld, type FakeSocket, type FakeWorld, settle, TOPIC_ID } from './fake-runtime.ts';

const PARTITIONS = 2;
const CHANNEL = 'ch';

interface EdgeSubscription {
  readonly id: string;
  readonly position: Map<number, Cursor>;
  replaying: boolean;
}

/** An edge with a log of events per partition; it serves one socket at a time. */
class EdgeModel {
  readonly log: Cursor[][] = Array.from({ length: PARTITIONS }, () => []);
  #socket: FakeSocket | null = null;
  #read = 0;
  #subscriptions = new Map<string, EdgeSubscription>();

  serve(socket: FakeSocket): void {
    this.#socket = socket;
    this.#read = 0;
    this.#subscriptions.clear();
    socket.welcome({ heartbeatMs: 0 });
  }

  /** Reads what the client has sent since the last time. */
  answer(): void {
    const socket = this.#socket;
    for (; socket && this.#read < socket.sent.length; this.#read++) {
      const message = socket.sent[this.#read];
      if (message) this.#on(message, socket);
    }
  }

  #on(message: ClientMessage, socket: FakeSocket): void {
    if (message.type === 'unsubscribe') this.#subscriptions.delete(message.id);
    if (message.type !== 'subscribe') return;
    const position = new Map(this.log.map((events, p) => [p, events.at(-1) ?? { offset: -1, index: 0 }]));
    if (message.resume) for (const [p, cursor] of decodeResumeToken(message.resume).position) position.set(p, cursor);
    const replaying = message.resume !== undefined;
    this.#subscriptions.set(message.id, { id: message.id, position, replaying });
    const token = encodeResumeToken({ topicId: TOPIC_ID, position });
    const start = { topic: 'a', filter: '', partitions: PARTITIONS, channel: CHANNEL } as const;
    socket.receive({ type: 'subscribed', id: message.id, ...start, position: token, replaying });
  }

  /** Sends up to `limit` further events of each replay; a replay that has reached the end goes live. */
  replay(limit: number): void {
    for (const subscription of [...this.#subscriptions.values()].filter(({ replaying }) => replaying)) {
      for (const [partition, events] of this.log.entries()) {
        const from = subscription.position.get(partition) ?? { offset: -1, index: 0 };
        const chunk = events.filter((cursor) => compareCursors(cursor, from) > 0).slice(0, limit);
        const to = chunk.at(-1);
        if (!to || !this.#subscriptions.has(subscription.id)) continue;
        subscription.position.set(partition, to);
        this.#send(partition, from, chunk, subscription.id);
      }
      const reached = this.log.every((events, p) => {
        const last = events.at(-1);
        const at = subscription.position.get(p);
        return !last || (at !== undefined && compareCursors(at, last) >= 0);
      });
      if (!reached) continue;
      subscription.replaying = false;
      this.#socket?.receive({ type: 'live', id: subscription.id });
    }
  }

  /** @param before how many earlier events the live frame repeats */
  publish(partition: number, fresh: readonly Cursor[], before: number): void {
    const events = this.log[partition] ?? [];
    const again = before > 0 ? events.slice(-before) : [];
    const repeated = [...again, ...fresh];
    const previous = events.at(-again.length - 1) ?? { offset: -1, index: 0 };
    events.push(...fresh);
    if ([...this.#subscriptions.values()].some(({ replaying }) => !replaying)) {
      this.#send(
        partition,
        again.length === events.length - fresh.length ? { offset: -1, index: 0 } : previous,
        repeated,
      );
    }
  }

  /** @param goodbye false: the connection breaks */
  disconnect(goodbye: boolean): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#subscriptions.clear();
    if (goodbye) {
      const terms = { code: 'MDS_SHUTTING_DOWN', message: 'Bye.', reconnectAfterMs: 10, edges: [] } as const;
      socket?.receive({ type: 'goodbye', ...terms });
    } else {
      socket?.drop();
    }
  }

  #send(partition: number, from: Cursor, events: readonly Cursor[], sub?: string): void {
    const wire = ({ offset, index }: Cursor): WireCursor => [offset, index];
    const to = events.at(-1);
    if (!to) return;
    this.#socket?.receive({
      type: 'events',
      channel: CHANNEL,
      ...(sub ? { sub } : {}),
      partition,
      from: wire(from),
      to: wire(to),
      times: [0, 0, 0],
      events: events.map((cursor) => ({ at: wire(cursor), data: `${partition}:${cursor.offset}:${cursor.index}` })),
    });
  }
}

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
  { weight: 3, arbitrary: fc.record({ do: fc.constant('replay' as const), limit: fc.integer({ min: 1, max: 5 }) }) },
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
  const subscriptions = [bufferEvents, 1000].map((limit) =>
    client.subscribe<string>({ topic: 'a', bufferEvents: limit, onGap: () => t.fail('there is no gap here') }),
  );
  await advance(world, edge, known);
  const readers = subscriptions.map((subscription) => new Reader(subscription));
  for (const current of steps) {
    if (current.do === 'publish') {
      const events = edge.log[current.partition] ?? [];
      const last = events.at(-1) ?? { offset: -1, index: 0 };
      // Two events share a record now and then.
      const fresh = Array.from({ length: current.count }, (_, i) => ({
        offset: last.offset + 1 + (i >> 1),
        index: i & 1,
      }));
      edge.publish(current.partition, fresh, current.again);
    }
    if (current.do === 'drop') edge.disconnect(current.goodbye);
    if (current.do === 'replay') edge.replay(current.limit);
    if (current.do === 'wait') await advance(world, edge, known);
    if (current.do === 'read') await readers[0]?.read(current.count);
    edge.answer();
  }
  const total = edge.log.flat().length;
  for (let round = 0; round < 500 && readers.some(({ seen }) => seen.length < total); round++) {
    if (client.state.state !== 'open') await advance(world, edge, known);
    edge.answer();
    edge.replay(3);
    for (const reader of readers) await reader.read(20);
  }
  for (const [i, { seen }] of readers.entries()) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const expected = (edge.log[partition] ?? []).map(({ offset, index }) => `${partition}:${offset}:${index}`);
      const got = seen.filter((data) => data.startsWith(`${partition}:`));
      if (got.join() !== expected.join()) throw new Error(`reader ${i}: ${got.join()} instead of ${expected.join()}`);
      const reached = decodeResumeToken(subscriptions[i]?.token ?? '').position.get(partition);
      const end = edge.log[partition]?.at(-1);
      if (end && (!reached || compareCursors(reached, end) !== 0))
        throw new Error(`the token of reader ${i} is not at the end`);
    }
  }
  client.close();
}

t.test('each event is seen once and in order, whatever breaks meanwhile', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 8 }), run), {
    numRuns: 200,
  });
  t.pass();
});
