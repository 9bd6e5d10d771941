import fc from 'fast-check';
import t from 'tap';
import { Followed } from './followed.ts';

type Step =
  | { readonly kind: 'events'; readonly partition: number; readonly keys: readonly string[] }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'read'; readonly bytes: number }
  | { readonly kind: 'position' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('events' as const),
      partition: fc.integer({ min: 0, max: 1 }),
      keys: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 30 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 500 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), bytes: fc.integer({ min: 0, max: 4000 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'position' as const }) },
);

const life = fc.record({
  overflow: fc.constantFrom('latest' as const, 'drop' as const),
  maxRate: fc.option(fc.double({ min: 0.5, max: 200, noNaN: true })),
  limits: fc.record({ events: fc.constantFrom(3, 1000), frameBytes: fc.integer({ min: 10, max: 2000 }) }),
  steps: fc.array(step, { maxLength: 60 }),
});

type Life = typeof life extends fc.Arbitrary<infer Value> ? Value : never;

/** At half an event a second, the longest life needs about as many seconds as it has events. */
const MAX_ROUNDS = 5000;

function live({ overflow, maxRate, limits, steps }: Life): Followed {
  const followed = new Followed({ overflow, maxRate }, limits).start();
  for (const step of steps) {
    if (step.kind === 'events') followed.events(step.partition, ...step.keys);
    else if (step.kind === 'pass') followed.pass(step.ms);
    else if (step.kind === 'position') followed.tellPosition();
    else {
      followed.client.read(step.bytes);
      if (followed.subscription.wantsRoom) followed.subscription.advance();
    }
  }
  for (let round = 0; followed.subscription.wantsRoom || followed.waitingTimers > 0; round++) {
    if (round > MAX_ROUNDS) throw new Error('it always waits for something');
    followed.pass(1000);
    followed.readAll();
  }
  followed.readAll();
  followed.tellPosition();
  return followed;
}

/** Of each partition and key, the last event. */
function lastOnes({ matching }: Pick<Followed, 'matching'>): string[] {
  const last = new Map<string, string>();
  for (const { partition, key, cursor } of matching)
    last.set(`${partition} ${key}`, `${cursor.offset} ${cursor.index}`);
  return [...last].map(([of, at]) => `${of} ${at}`);
}

t.test('whatever room and rate a client has: each event is sent in order or counted in its exact range', async (t) => {
  fc.assert(
    fc.property(life, (wish) => {
      const { client, matching, shed, memory } = live(wish);
      t.same(client.complaints, []);
      t.same(client.shed, shed);
      t.equal(client.sent.length + client.shed.dropped + client.shed.conflated, matching.length);
      t.equal(memory.usedBytes, 0);
      if (wish.overflow === 'drop') t.equal(client.shed.conflated, 0);
    }),
  );
});

t.test('latest, where all keys fit: the last event of each is always sent', async (t) => {
  fc.assert(
    fc.property(life, (wish) => {
      const { client, matching } = live({ ...wish, overflow: 'latest', limits: { ...wish.limits, events: 1000 } });
      t.equal(client.shed.dropped, 0);
      const sent = new Set(
        client.sent.map(({ partition, key, cursor }) => `${partition} ${key} ${cursor.offset} ${cursor.index}`),
      );
      t.same(
        lastOnes({ matching }).filter((one) => !sent.has(one)),
        [],
      );
    }),
  );
});
