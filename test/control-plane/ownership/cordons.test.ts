import t from 'tap';
import { withCordons } from '../../../control-plane/ownership/cordons.ts';
import { type Observation, planHandover } from '../../../control-plane/ownership/handover.ts';
import { aWorker } from '../builders.ts';

const states = (workers: readonly { readonly workerId: string; readonly state: string }[]) =>
  workers.map(({ workerId, state }) => `${workerId} ${state}`);
const [A, B] = [aWorker({ workerId: 'a' }), aWorker({ workerId: 'b' })];

t.test('a cordoned worker counts as one that drains', async (t) => {
  t.same(states(withCordons([A, B], new Set(['a']))), ['a draining', 'b running']);
  t.same(states(withCordons([A, B], new Set())), ['a running', 'b running']);
});

t.test('while no other worker runs, the cordon waits', async (t) => {
  t.same(states(withCordons([A], new Set(['a']))), ['a running']);
  t.same(states(withCordons([A, B], new Set(['a', 'b']))), ['a running', 'b running']);
  const draining = { ...B, state: 'draining' as const };
  t.same(states(withCordons([A, draining], new Set(['a']))), ['a running', 'b draining']);
});

t.test('its partitions go to the others, and it gets no new ones', async (t) => {
  const owned = { topicId: 1, partition: 0, epoch: 1, nextOffset: 5, lagRecords: 0 };
  const seen: Observation = {
    workers: withCordons(
      [
        { ...A, owned: [owned] },
        { ...B, prepared: [{ topicId: 1, partition: 0 }] },
      ],
      new Set(['a']),
    ),
    observingSinceMs: 0,
    heartbeatTtlMs: 1,
    weights: new Map(),
  };
  const partitions = [
    { topicId: 1, partition: 0, epoch: 1, owner: { state: 'owned', workerId: 'a' }, retired: false },
    { topicId: 1, partition: 1, epoch: 0, owner: { state: 'unowned' }, retired: false },
  ] as const;
  const plan = planHandover(
    {
      partitions,
      revisions: new Map([
        ['a', 1],
        ['b', 1],
      ]),
    },
    seen,
    10_000,
  );
  t.match(plan.changed, [
    { partition: 0, owner: { state: 'revoking' } },
    { partition: 1, owner: { workerId: 'b' } },
  ]);
});
