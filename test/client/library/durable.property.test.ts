// Whatever happens to connections, acknowledgements and consumers: while the process lives its user is handed each event
// once more only after it said that the event failed; and in the end everything is stored as done. The edge here is a small
// model of the real one: it delivers in order, again what timed out or failed, and forgets what it had not stored; frames
// and messages cross on the wire.

import fc from 'fast-check';
import t from 'tap';
import { connect, type Delivery, type DurableSubscription } from '../../../client/library/index.ts';
import type { ClientMessage, ServerFrame, WireEventCursor } from '../../../schemas/frames.ts';
import { aConsuming, aWorld, type FakeSocket, settle } from './fake-runtime.ts';

const MAX_IN_FLIGHT = 6;

interface Sent {
  attempts: number;
  /** By this connection; 0: not on it. */
  sentNumber: number;
  isRejected: boolean;
}

/** One partition of one shard. */
class DurableEdge {
  produced = 0;
  readonly settled = new Set<number>();
  /** Acknowledged by a message, and not stored yet. */
  #unstored: { readonly offsets: readonly number[]; readonly seq: number }[] = [];
  #inFlight = new Map<number, Sent>();
  /** Sent, and not at the client yet. */
  #onTheWire: ServerFrame[] = [];
  #socket: FakeSocket | null = null;
  #read = 0;
  #id: string | null = null;
  #sentNumber = 0;
  #next = 0;

  serve(socket: FakeSocket): void {
    this.#socket = socket;
    this.#read = 0;
    this.#id = null;
    socket.welcome({ heartbeatMs: 0 });
  }

  /** The connection, and with it the edge and what it had not stored, is gone. */
  disconnect(): void {
    this.#socket?.drop();
    this.#socket = null;
    this.#id = null;
    this.#unstored = [];
    this.#inFlight.clear();
    this.#onTheWire = [];
    this.#next = 0;
  }

  /** Frames reach the client. */
  arrive(count: number): void {
    for (const frame of this.#onTheWire.splice(0, count)) this.#socket?.receive(frame);
  }

  answer(): void {
    const socket = this.#socket;
    for (; socket && this.#read < socket.sent.length; this.#read++) {
      const message = socket.sent[this.#read];
      if (message) this.#on(message);
    }
  }

  /** Delivers up to `count` events that are new on this connection. */
  deliver(count: number): void {
    if (this.#id === null) return;
    const offsets: number[] = [];
    for (; this.#next < this.produced && offsets.length < count && this.#inFlight.size < MAX_IN_FLIGHT; this.#next++) {
      if (this.settled.has(this.#next)) continue;
      this.#inFlight.set(this.#next, { attempts: 0, sentNumber: 0, isRejected: false });
      offsets.push(this.#next);
    }
    this.#send(offsets);
  }

  /** Delivers again what failed, and (when `timedOut`) what was not answered in time. */
  redeliver(timedOut: boolean): void {
    this.#send([...this.#inFlight].filter(([, sent]) => sent.isRejected || timedOut).map(([offset]) => offset));
  }

  /** @param isTold false: the client never hears of it */
  store(isTold: boolean): void {
    for (const { offsets } of this.#unstored) for (const offset of offsets) this.settled.add(offset);
    const seq = this.#unstored.at(-1)?.seq;
    this.#unstored = [];
    if (isTold && seq !== undefined && this.#id !== null) this.#onTheWire.push({ type: 'acked', id: this.#id, seq });
  }

  #on(message: ClientMessage): void {
    if (message.type === 'consume') {
      this.#id = message.id;
      this.#onTheWire.push(aConsuming(message.id, { maxInFlight: MAX_IN_FLIGHT }));
    }
    if ((message.type !== 'ack' && message.type !== 'nack') || message.id !== this.#id) return;
    const { cursors = [], seq = 0 } = message;
    const offsets = cursors.map(([, offset]) => offset);
    if (message.type === 'nack') {
      for (const offset of offsets) {
        const sent = this.#inFlight.get(offset);
        if (sent) sent.isRejected = true;
      }
      this.#unstored.push({ offsets: [], seq });
      return;
    }
    for (const upTo of message.upTo ?? []) offsets.push(...this.#meantBy(upTo));
    // What was not delivered on this connection is not known here: saying that it is done changes nothing.
    this.#unstored.push({ offsets: offsets.filter((offset) => this.#inFlight.delete(offset)), seq });
  }

  /** What was sent when the named event was sent for the last time, and did not fail. */
  #meantBy([, upTo]: WireEventCursor): number[] {
    const named = this.#inFlight.get(upTo)?.sentNumber ?? this.#sentNumber;
    return [...this.#inFlight]
      .filter(([offset, sent]) => offset <= upTo && !sent.isRejected && sent.sentNumber > 0 && sent.sentNumber <= named)
      .map(([offset]) => offset);
  }

  #send(offsets: readonly number[]): void {
    if (offsets.length === 0 || this.#id === null) return;
    const attempts: number[] = [];
    for (const offset of offsets) {
      const sent = this.#inFlight.get(offset);
      if (!sent) throw new Error(`${offset} is not in flight`);
      sent.attempts += 1;
      sent.sentNumber = ++this.#sentNumber;
      sent.isRejected = false;
      attempts.push(sent.attempts);
    }
    const [first = 0, last = 0] = [Math.min(...offsets), Math.max(...offsets)];
    this.#onTheWire.push({
      type: 'events',
      channel: 'ch',
      sub: this.#id,
      partition: 0,
      from: [first - 1, 0],
      to: [last, 0],
      times: [0, 0, 0],
      events: offsets.map((offset) => ({ at: [offset, 0] as const, data: offset })),
      attempts,
    });
  }
}

const count = fc.integer({ min: 1, max: 4 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('produce' as const), count }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('deliver' as const), count }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('redeliver' as const), timedOut: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('take' as const), count }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(5), fails: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(10, 50, 20_000) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('store' as const), isTold: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('arrive' as const), count }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** The user's side: what was handed out, what is being worked on, and how often each event failed. */
class Worker {
  readonly handedOut = new Map<number, number>();
  readonly failed = new Map<number, number>();
  readonly done = new Set<number>();
  readonly working: Delivery<number>[] = [];
  readonly acks: Promise<void>[] = [];
  readonly #iterator: AsyncIterator<Delivery<number>>;
  #pending = false;

  constructor(durable: DurableSubscription<number>) {
    this.#iterator = durable[Symbol.asyncIterator]();
  }

  async take(count: number): Promise<void> {
    for (let i = 0; i < count && !this.#pending; i++) {
      this.#pending = true;
      void this.#iterator.next().then(({ done, value }) => {
        this.#pending = false;
        if (done) return;
        this.handedOut.set(value.data, (this.handedOut.get(value.data) ?? 0) + 1);
        this.working.push(value);
      });
      await settle();
    }
  }

  finish(which: number, fails: boolean): void {
    const [delivery] = this.working.splice(which % Math.max(1, this.working.length), 1);
    if (!delivery) return;
    if (fails) {
      this.failed.set(delivery.data, (this.failed.get(delivery.data) ?? 0) + 1);
      void delivery.nack();
    } else {
      this.done.add(delivery.data);
      this.acks.push(delivery.ack());
    }
  }

  /** @throws Error when an event was handed out more often than it failed, and once; or settled without being done */
  check({ settled }: DurableEdge): void {
    for (const offset of settled)
      if (!this.done.has(offset)) throw new Error(`event ${offset} is settled and not done`);
    for (const [data, times] of this.handedOut) {
      if (times > 1 + (this.failed.get(data) ?? 0)) throw new Error(`event ${data} was handed out ${times} times`);
    }
  }
}

async function run(steps: readonly Step[]): Promise<void> {
  const world = aWorld();
  const edge = new DurableEdge();
  const client = connect({ url: 'ws://edge.test/', runtime: world.runtime });
  const durable = client.consume<number>({ subscription: 'on-call' });
  const worker = new Worker(durable);
  let sockets = 0;
  const pass = async (ms: number): Promise<void> => {
    world.clock.advance(ms);
    await settle();
    if (world.sockets.length > sockets) {
      sockets = world.sockets.length;
      edge.serve(world.socket());
    }
  };
  await pass(0);
  for (const current of steps) {
    if (current.do === 'produce') edge.produced += current.count;
    if (current.do === 'deliver') edge.deliver(current.count);
    if (current.do === 'redeliver') edge.redeliver(current.timedOut);
    if (current.do === 'take') await worker.take(current.count);
    if (current.do === 'finish') worker.finish(current.which, current.fails);
    if (current.do === 'pass') await pass(current.ms);
    if (current.do === 'store') edge.store(current.isTold);
    if (current.do === 'drop') edge.disconnect();
    if (current.do === 'arrive') edge.arrive(current.count);
    if (current.do === 'answer') edge.answer();
    worker.check(edge);
    if (durable.inFlight > MAX_IN_FLIGHT) throw new Error(`${durable.inFlight} events are held`);
  }
  for (let round = 0; round < 500 && (edge.settled.size < edge.produced || durable.unconfirmed > 0); round++) {
    await pass(client.state.state === 'open' ? 50 : 60_000);
    edge.answer();
    edge.arrive(100);
    edge.deliver(10);
    edge.redeliver(true);
    edge.arrive(100);
    await worker.take(10);
    while (worker.working.length > 0) worker.finish(0, false);
    edge.answer();
    edge.store(true);
    edge.arrive(100);
    worker.check(edge);
  }
  if (edge.settled.size < edge.produced) throw new Error(`${edge.settled.size} of ${edge.produced} are done`);
  await Promise.all(worker.acks);
  client.close();
}

t.test('no event twice to a user who did not refuse it, and everything is stored in the end', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), run), { numRuns: 150 });
  t.pass();
});
