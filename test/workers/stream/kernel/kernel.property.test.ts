// The kernel against a plain model: every event of every record, tested against every channel that a lane wants at that
// moment. Output sizes, slab sizes, joins, withdrawals, rejects and batch records are whatever fast-check thinks of.

import fc from 'fast-check';
import t from 'tap';
import { afterRecord, beforeRecord, type Cursor, sameCursor } from '../../../../schemas/cursor.ts';
import { channelId, KernelDriver, LaneBooks, type TestRecord } from './kernel-driver.ts';
import { encodeEvent, encodeTicks, textOf, tickPlan } from './ticks.ts';

const LANES = ['edge-a', 'edge-b', 'edge-c'];
const SLOTS = [0, 1];
/** Plans with what they mean, said without any plan code. */
const PLANS = [
  { plan: tickPlan(), matches: () => true, text: (n: number) => textOf(n, nameOf(n)) },
  {
    plan: tickPlan({ filter: 'n % 2 == 0' }),
    matches: (n: number) => n % 2 === 0,
    text: (n: number) => textOf(n, nameOf(n)),
  },
  {
    plan: tickPlan({ filter: 'n in [1, 4, 7, 30]', fields: ['n'] }),
    matches: (n: number) => [1, 4, 7, 30].includes(n),
    text: (n: number) => `{"n":${n}}`,
  },
  {
    plan: tickPlan({ filter: 'n > 11 && text.startsWith("tick-2")', fields: ['text'] }),
    matches: (n: number) => n >= 20 && n < 30,
    text: (n: number) => `{"text":"${nameOf(n)}"}`,
  },
];
const nameOf = (n: number): string => `tick-${n}`;

const interestChange = fc.record({
  lane: fc.constantFrom(...LANES),
  plan: fc.nat(PLANS.length - 1),
  add: fc.boolean(),
});
const record = fc.record({
  slot: fc.constantFrom(...SLOTS),
  hole: fc.nat(2),
  content: fc.oneof(
    { weight: 6, arbitrary: fc.nat(30) },
    { weight: 3, arbitrary: fc.array(fc.nat(30), { maxLength: 12 }) },
    { weight: 1, arbitrary: fc.constantFrom('garbage', 'tombstone') },
  ),
});
const step = fc.record({
  changes: fc.array(interestChange, { maxLength: 4 }),
  records: fc.array(record, { maxLength: 12 }),
  watermark: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function bytesOf(content: Step['records'][number]['content']): Uint8Array | null {
  if (content === 'tombstone') return null;
  if (content === 'garbage') return Buffer.from([0, 0, 0, 0, 1, 0x80]);
  return typeof content === 'number'
    ? encodeEvent(content, nameOf(content))
    : encodeTicks(content.map((n) => ({ n, text: nameOf(n) })));
}

/** Deliveries and joins as they must come out. */
class Model {
  readonly deliveries = new Map<string, string[]>();
  readonly joined = new Map<string, Cursor>();
  readonly position = new Map<number, Cursor>(SLOTS.map((slot) => [slot, beforeRecord(0)]));
  /** `lane/plan` → generation. */
  readonly wanted = new Map<string, number>();

  add(lane: string, plan: number, generation: number): void {
    this.wanted.set(`${lane}/${plan}`, generation);
    for (const [slot, position] of this.position) {
      this.joined.set(`${lane}/${slot + 100}/${channelId(plan)}/${generation}`, position);
    }
  }

  receive(slot: number, offset: number, content: Step['records'][number]['content']): void {
    this.position.set(slot, afterRecord(offset));
    if (typeof content === 'string') return;
    [content].flat().forEach((n, index) => {
      for (const key of this.wanted.keys()) {
        const [lane, planIndex] = key.split('/');
        const plan = PLANS[Number(planIndex)];
        if (!plan?.matches(n)) continue;
        const place = `${lane}/${slot + 100}/${channelId(Number(planIndex))}`;
        const told = this.deliveries.get(place) ?? [];
        told.push(`${offset}/${index} ${plan.text(n)}`);
        this.deliveries.set(place, told);
      }
    });
  }

  readonly wants = (lane: string): boolean => [...this.wanted.keys()].some((key) => key.startsWith(`${lane}/`));
}

const sorted = <V>(map: ReadonlyMap<string, V>): [string, V][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

/** A watermark takes every lane as far as the partition has come. */
function checkWatermark({ position, wants }: Model, books: LaneBooks): void {
  for (const [slot, to] of position) {
    for (const lane of LANES.filter((lane) => wants(lane))) {
      const last = books.last.get(`${lane}/${slot + 100}`);
      if (!last || !sameCursor(last, to)) throw new Error(`${lane} is told ${JSON.stringify(last)}, not ${to.offset}`);
    }
  }
}

t.test('every channel of every lane gets its events exactly once, in order, from where it joined', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), fc.integer({ min: 100, max: 3000 }), (steps, outputBytes) => {
      const driver = new KernelDriver(outputBytes, { envelopeBytes: 300, recordOutputBytes: 1 << 20 });
      const model = new Model();
      const books = new LaneBooks();
      const offsets = new Map(SLOTS.map((slot) => [slot, 0]));
      let generation = 0;
      let rejects = 0;
      for (const slot of SLOTS) driver.open(slot, beforeRecord(0));
      for (const { changes, records, watermark } of steps) {
        for (const { lane, plan, add } of changes) {
          const present = model.wanted.get(`${lane}/${plan}`);
          if (add && present === undefined) {
            driver.add(lane, channelId(plan), PLANS[plan]?.plan, ++generation);
            model.add(lane, plan, generation);
          } else if (!add && present !== undefined) {
            const channel = channelId(plan);
            driver.kernel.applyDelta({ kind: 'remove', lane, channel, generation: present });
            model.wanted.delete(`${lane}/${plan}`);
            // What was not told before the withdrawal need never be told.
            for (const slot of SLOTS) model.joined.delete(`${lane}/${slot + 100}/${channel}/${present}`);
            if (!model.wants(lane)) books.forget(lane);
          }
        }
        const given = records.map(({ slot, hole, content }): TestRecord => {
          const offset = (offsets.get(slot) ?? 0) + hole;
          offsets.set(slot, offset + 1);
          model.receive(slot, offset, content);
          if (content === 'garbage') rejects++;
          return { slot, offset, value: bytesOf(content) };
        });
        const run = driver.run(given, watermark);
        books.read(run.envelopes);
        rejects -= run.rejects.length;
        if (watermark) checkWatermark(model, books);
      }
      if (books.faults.length > 0) throw new Error(books.faults.join('\n'));
      const told = sorted(books.joined).filter(([key]) => model.joined.has(key));
      if (JSON.stringify(told) !== JSON.stringify(sorted(model.joined))) {
        throw new Error(`joined ${JSON.stringify(told)} instead of ${JSON.stringify(sorted(model.joined))}`);
      }
      const got = JSON.stringify(sorted(books.texts()));
      const expected = JSON.stringify(sorted(model.deliveries));
      if (got !== expected) throw new Error(`delivered ${got} instead of ${expected}`);
      if (rejects !== 0) throw new Error(`${rejects} rejects are missing`);
    }),
    { numRuns: 150 },
  );
  t.pass('150 histories');
  t.end();
});
