// Random lives of a shard: deliveries, answers, failures, time, crashes with the last stored state, seeks. Whatever happens,
// nothing that matches is lost, the floor never passes what is not settled, and attempts have their limit.

import fc from 'fast-check';
import t from 'tap';
import { compareCursors } from '../../../../schemas/cursor.ts';
import type { ShardState } from '../../../../schemas/durable.ts';
import { ShardBook } from '../../../../workers/edge/durable/shard-book.ts';
import { anEvent, at, limitsOf, stateOf, TIMES } from './books.ts';

const PARTITIONS = 2;
const EVENTS = 25;
const LIMITS = limitsOf({ maxInFlight: 6 });

type Step =
  | { readonly do: 'read'; readonly partition: number; readonly count: number }
  | { readonly do: 'send'; readonly count: number }
  | { readonly do: 'ack' | 'ackUpTo' | 'nack'; readonly partition: number; readonly offset: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'bury' | 'store' | 'crash' }
  | { readonly do: 'seek'; readonly offset: number };

const partition = fc.nat(PARTITIONS - 1);
const offset = fc.nat(EVENTS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('read' as const), partition, count: fc.integer({ min: 1, max: 8 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const), count: fc.integer({ min: 1, max: 8 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('ack' as const, 'ackUpTo' as const, 'nack' as const),
      partition,
      offset,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(1500) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('bury' as const, 'store' as const, 'crash' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('seek' as const), offset }) },
);

class Life {
  nowMs = 0;
  stored: ShardState = stateOf({ floor: [] });
  /** Events that were acknowledged or buried in any life since the last seek; what lies before a seek is skipped. */
  readonly settled = new Set<string>();
  readonly from = Array.from({ length: PARTITIONS }, () => 0);
  book = this.#bookOf(this.stored);
  /** Of this life, by partition: the last cursor sent for the first time. */
  #lastFirst: number[] = [];

  run(step: Step): void {
    switch (step.do) {
      case 'read':
        this.read(step.partition, step.count);
        break;
      case 'send':
        this.send(step.count);
        break;
      case 'ack':
        this.book.acknowledge(step.partition, at(step.offset));
        break;
      case 'ackUpTo':
        this.book.acknowledgeUpTo(step.partition, at(step.offset));
        break;
      case 'nack':
        this.book.reject(step.partition, at(step.offset), 'no', null, this.nowMs);
        break;
      case 'wait':
        this.nowMs += step.ms;
        this.book.tick(this.nowMs);
        break;
      case 'bury':
        for (const entry of [...this.book.dead()]) this.book.settleDead(entry);
        break;
      case 'store':
        this.stored = structuredClone(this.book.state());
        break;
      case 'crash':
        this.#begin(this.stored);
        break;
      case 'seek':
        this.settled.clear();
        this.from.fill(step.offset);
        this.stored = stateOf({
          seekRevision: this.stored.seekRevision + 1,
          floor: this.from.map((first, partition) => [partition, first - 1, 0x7fffffff]),
        });
        this.#begin(this.stored);
    }
    this.check();
  }

  /** Reads on where the book stands, as a stream does. */
  read(partition: number, count: number): void {
    const { offset: last } = this.book.readTo(partition);
    for (let offset = last + 1; offset < Math.min(EVENTS, last + 1 + count); offset++) {
      if (!this.book.offer(partition, anEvent(offset), TIMES)) return;
    }
  }

  send(count: number): void {
    for (let i = 0; i < count; i++) {
      const entry = this.book.nextReady();
      if (!entry) return;
      this.book.markSent(entry, this.nowMs);
      if (entry.attempts > LIMITS.maxAttempts) throw new Error('more attempts than allowed');
      if (entry.sentCount > 1) continue;
      const last = this.#lastFirst[entry.partition] ?? -1;
      if (entry.cursor.offset <= last) throw new Error(`${entry.cursor.offset} for the first time behind ${last}`);
      this.#lastFirst[entry.partition] = entry.cursor.offset;
    }
  }

  check(): void {
    if (this.book.inFlightCount > LIMITS.maxInFlight) throw new Error('more in flight than allowed');
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const floor = this.book.floor(partition);
      for (let offset = this.from[partition] ?? 0; compareCursors(at(offset), floor) <= 0; offset++) {
        if (!this.settled.has(`${partition}/${offset}`)) throw new Error(`the floor passed ${partition}/${offset}`);
      }
    }
  }

  /** A healthy consumer in the end: everything is settled, sooner or later. */
  finish(): void {
    for (let round = 0; round < 200; round++) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        this.read(partition, EVENTS);
        this.send(EVENTS);
        for (let offset = 0; offset < EVENTS; offset++) this.book.acknowledge(partition, at(offset));
      }
      this.run({ do: 'bury' });
      this.run({ do: 'wait', ms: 500 });
    }
    for (const [partition, first] of this.from.entries()) {
      for (let offset = first; offset < EVENTS; offset++) {
        if (!this.settled.has(`${partition}/${offset}`)) throw new Error(`${partition}/${offset} is lost`);
      }
      if (this.book.floor(partition).offset < EVENTS - 1) throw new Error(`the floor of ${partition} stands still`);
    }
    if (this.book.inFlightCount !== 0) throw new Error('something is in flight for ever');
  }

  #begin(state: ShardState): void {
    this.#lastFirst = [];
    this.book = this.#bookOf(state);
  }

  #bookOf(state: ShardState): ShardBook {
    return new ShardBook({
      state,
      limits: LIMITS,
      random: () => 0.5,
      note: (what, { partition, cursor }) => {
        if (what === 'acknowledged' || what === 'deadLettered') this.settled.add(`${partition}/${cursor.offset}`);
      },
      onRedriven: () => {},
    });
  }
}

t.test('nothing is lost, the floor is honest, attempts are bounded and first deliveries are in order', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const life = new Life();
      for (const step of steps) life.run(step);
      life.finish();
    }),
    { numRuns: 300 },
  );
  t.pass();
});

t.test('a state grows only with what is in flight, not with what was settled beside it', async (t) => {
  const life = new Life();
  life.read(0, 1);
  life.send(1);
  for (let offset = 1; offset < EVENTS; offset++) {
    life.read(0, 1);
    life.send(1);
    life.book.acknowledge(0, at(offset));
  }
  const { floor, settled, attempts, taken } = life.book.state();
  t.same(
    { floor, settled, attempts, taken: taken?.[0] },
    {
      floor: [[0, -1, 0x7fffffff]],
      settled: [],
      attempts: [[0, 0, 0, 1]],
      taken: [0, EVENTS - 1, 0],
    },
  );
});
