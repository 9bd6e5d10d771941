// Handing partitions over: never two owners in one epoch, whatever comes in whatever order.

import fc from 'fast-check';
import t from 'tap';
import {
  grantsOf,
  type Observation,
  type OwnershipState,
  type PartitionOwnership,
  planHandover,
  type WorkerView,
} from '../../../control-plane/ownership/handover.ts';

const TTL_MS = 3000;
const START_MS = 1_000_000;

const unowned = (partition: number, epoch = 0): PartitionOwnership => ({
  topicId: 1,
  partition,
  epoch,
  owner: { state: 'unowned' },
  retired: false,
});
const ownedBy = (workerId: string, partition: number, epoch = 1): PartitionOwnership => ({
  ...unowned(partition, epoch),
  owner: { state: 'owned', workerId },
});
const worker = (workerId: string, revision: number, owned: readonly [number, number][] = []): WorkerView => ({
  workerId,
  state: 'running',
  assignmentRevision: revision,
  owned: owned.map(([partition, epoch]) => ({ topicId: 1, partition, epoch })),
});
const seeing = (workers: readonly WorkerView[], observingSinceMs = 0): Observation => ({
  workers,
  observingSinceMs,
  heartbeatTtlMs: TTL_MS,
  weights: new Map(),
});
/** Ready for whatever it is asked to prepare. */
const ready = (view: WorkerView): WorkerView => ({
  ...view,
  prepared: [0, 1, 2, 3].map((partition) => ({ topicId: 1, partition })),
});
const told = (revisions: Readonly<Record<string, number>>) => new Map(Object.entries(revisions));

function apply(state: OwnershipState, plan: ReturnType<typeof planHandover>): OwnershipState {
  const changed = new Map(plan.changed.map((row) => [row.partition, row]));
  return {
    partitions: state.partitions.map((row) => changed.get(row.partition) ?? row),
    revisions: new Map([...state.revisions, ...plan.revisions]),
  };
}

t.test('a free partition is granted at once, in a new epoch', async (t) => {
  const plan = planHandover({ partitions: [unowned(0, 4)], revisions: new Map() }, seeing([worker('a', 0)]), START_MS);
  t.match(plan.changed, [{ epoch: 5, owner: { state: 'owned', workerId: 'a' } }]);
  t.equal(plan.revisions.get('a'), 1);
  t.equal(plan.granted, 1);
});

t.test('a partition moves only after its owner has let go of it', async (t) => {
  let state: OwnershipState = { partitions: [ownedBy('a', 0), ownedBy('a', 1)], revisions: told({ a: 7 }) };
  const step = (workers: readonly WorkerView[]) => {
    const plan = planHandover(state, seeing(workers), START_MS);
    state = apply(state, plan);
    return plan;
  };
  const held: [number, number][] = [
    [0, 1],
    [1, 1],
  ];
  const revoke = step([worker('a', 7, held), ready(worker('b', 0))]);
  t.equal(revoke.revoked, 1);
  t.equal(revoke.revisions.get('a'), 8);
  const moving = state.partitions.find(({ owner }) => owner.state === 'revoking')?.partition ?? -1;
  t.same(grantsOf('a', state.partitions).length, 1, 'the owner is told to keep the other only');

  t.same(step([worker('a', 7, held), worker('b', 1)]).changed, [], 'it has not applied the assignment yet');
  t.same(step([worker('a', 8, held), worker('b', 1)]).changed, [], 'it still works on the partition');
  const granted = step([worker('a', 8, [[1 - moving, 1]]), worker('b', 1)]);
  t.match(granted.changed, [{ partition: moving, epoch: 2, owner: { state: 'owned', workerId: 'b' } }]);
});

t.test('a dead owner is replaced in one step, and finds a new assignment should it come back', async (t) => {
  const state = { partitions: [ownedBy('a', 0, 3)], revisions: told({ a: 5, b: 1 }) };
  const plan = planHandover(state, seeing([worker('b', 1)]), START_MS);
  t.match(plan.changed, [{ epoch: 4, owner: { state: 'owned', workerId: 'b' } }]);
  t.equal(plan.revisions.get('a'), 6);
  t.same(grantsOf('a', apply(state, plan).partitions), []);
});

t.test('nobody is declared dead before missing heartbeats have been observed for their lifetime', async (t) => {
  const state = { partitions: [ownedBy('a', 0), ownedBy('b', 1)], revisions: told({ a: 1, b: 1 }) };
  const since = START_MS - TTL_MS + 1;
  t.same(planHandover(state, seeing([worker('b', 1, [[1, 1]])], since), START_MS).changed, []);
  t.equal(planHandover(state, seeing([worker('b', 1, [[1, 1]])], since), START_MS + 1).changed.length, 1);
});

t.test('a draining worker loses everything, even when nobody else is there', async (t) => {
  const state = { partitions: [ownedBy('a', 0)], revisions: told({ a: 1 }) };
  const draining: WorkerView = { ...worker('a', 1, [[0, 1]]), state: 'draining' };
  const plan = planHandover(state, seeing([draining]), START_MS);
  t.match(plan.changed, [{ owner: { state: 'revoking', workerId: 'a', releaseRevision: 2 } }]);
  const after = planHandover(apply(state, plan), seeing([{ ...draining, assignmentRevision: 2, owned: [] }]), START_MS);
  t.match(after.changed, [{ owner: { state: 'unowned' }, epoch: 1 }]);
  t.equal(after.released, 1);
});

t.test('the partitions of a topic that is deleted are taken back and given to nobody', async (t) => {
  const state = { partitions: [{ ...ownedBy('a', 0), retired: true }], revisions: told({ a: 1 }) };
  t.match(planHandover(state, seeing([worker('a', 1, [[0, 1]])]), START_MS).changed, [
    { owner: { state: 'revoking' } },
  ]);
  const free = { partitions: [{ ...unowned(0, 1), retired: true }], revisions: told({ a: 1 }) };
  t.same(planHandover(free, seeing([worker('a', 1)]), START_MS).changed, []);
});

t.test('a worker that was taken for dead and still works on a partition is waited for', async (t) => {
  const state = { partitions: [unowned(0, 2), ownedBy('b', 1, 9)], revisions: told({ a: 3, b: 3 }) };
  const zombie = planHandover(
    state,
    seeing([
      worker('b', 3, [
        [1, 9],
        [0, 2],
      ]),
      worker('a', 3),
    ]),
    START_MS,
  );
  t.same(zombie.changed, [], 'a would get it, but b claims it');
  const free = planHandover(state, seeing([worker('b', 3, [[1, 9]]), worker('a', 3)]), START_MS);
  t.match(free.changed, [{ partition: 0, epoch: 3, owner: { workerId: 'a' } }]);
});

t.test('an epoch is above whatever a worker claims, also when the database forgot', async (t) => {
  const state = { partitions: [unowned(0, 0)], revisions: new Map() };
  const plan = planHandover(state, seeing([worker('a', 40, [[0, 12]])]), START_MS);
  t.match(plan.changed, [{ epoch: 13 }]);
  t.equal(plan.revisions.get('a'), 41);
});

t.test('a worker without partitions is told so, once', async (t) => {
  const state = { partitions: [], revisions: new Map() };
  const plan = planHandover(state, seeing([worker('a', 0)]), START_MS);
  t.same([...plan.revisions], [['a', 1]]);
  t.equal(planHandover(apply(state, plan), seeing([worker('a', 1)]), START_MS).revisions.size, 0);
});

t.test('the next owner is told to prepare, and the present one keeps the partition until it has', async (t) => {
  const state = { partitions: [ownedBy('a', 0), ownedBy('a', 1)], revisions: told({ a: 1, b: 1 }) };
  const held: [number, number][] = [
    [0, 1],
    [1, 1],
  ];
  const a = worker('a', 1, held);
  const b = worker('b', 1);
  const first = planHandover(state, seeing([a, b]), START_MS);
  t.same([first.changed, [...first.revisions]], [[], []], 'nothing is taken yet');
  const [place] = first.next.get('b') ?? [];
  t.match(place, { topicId: 1 });
  const waiting = planHandover(state, seeing([a, b]), START_MS + 999, first.memory);
  t.same([waiting.changed, waiting.next], [[], first.next]);
  const prepared = { ...b, prepared: place ? [place] : [] };
  const after = planHandover(state, seeing([a, prepared]), START_MS + 50, first.memory);
  t.match(after.changed, [{ partition: place?.partition, owner: { state: 'revoking', workerId: 'a' } }]);
  t.same(after.next.get('b'), [place], 'it stays prepared until it is granted');
  const impatient = planHandover(state, seeing([a, b]), START_MS + 1000, waiting.memory);
  t.equal(impatient.revoked, 1, 'a worker that does not prepare is not waited for');
});

t.test('what is reported as given back moves at once, and goes on where it stopped', async (t) => {
  const revoking = (partition: number): PartitionOwnership => ({
    ...ownedBy('a', partition, 3),
    owner: { state: 'revoking', workerId: 'a', releaseRevision: 9 },
  });
  let state: OwnershipState = { partitions: [revoking(0), revoking(1)], revisions: told({ a: 9, b: 1 }) };
  const a: WorkerView = {
    ...worker('a', 8, [[1, 3]]),
    state: 'draining',
    released: [
      { topicId: 1, partition: 0, epoch: 3, nextOffset: 77 },
      { topicId: 1, partition: 1, epoch: 2, nextOffset: 5 },
    ],
  };
  const plan = planHandover(state, seeing([a, worker('b', 1)]), START_MS);
  t.match(plan.changed, [{ partition: 0, epoch: 4, owner: { state: 'owned', workerId: 'b' } }]);
  t.equal(plan.changed.length, 1, 'the other is given back in an epoch of the past only');
  state = apply(state, plan);
  t.same(grantsOf('b', state.partitions, plan.memory.starts), [
    { topicId: 1, partition: 0, epoch: 4, startOffset: 77 },
  ]);
  const opening: WorkerView = { ...worker('b', 2), owned: [{ topicId: 1, partition: 0, epoch: 4, nextOffset: -1 }] };
  const later = planHandover(state, seeing([a, opening]), START_MS, plan.memory);
  t.equal(later.memory.starts.size, 1, 'it has not begun yet');
  const begun: WorkerView = { ...worker('b', 2), owned: [{ topicId: 1, partition: 0, epoch: 4, nextOffset: 77 }] };
  t.equal(planHandover(state, seeing([a, begun]), START_MS, later.memory).memory.starts.size, 0, 'told once');
});

t.test('a start is worth nothing to a later epoch', async (t) => {
  const memory = { waiting: new Map(), starts: new Map([['1/0' as const, { epoch: 3, offset: 5 }]]) };
  const plan = planHandover(
    { partitions: [unowned(0, 4)], revisions: told({ a: 1 }) },
    seeing([worker('a', 1)]),
    START_MS,
    memory,
  );
  t.equal(plan.granted, 1);
  t.equal(plan.memory.starts.size, 0);
});

t.test(
  'a worker that never gives a partition back loses it after ten seconds, and does not get it again',
  async (t) => {
    const row: PartitionOwnership = {
      ...ownedBy('a', 0, 3),
      owner: { state: 'revoking', workerId: 'a', releaseRevision: 2 },
    };
    const state = { partitions: [row, ownedBy('b', 1), ownedBy('b', 2)], revisions: told({ a: 2, b: 1 }) };
    const views = [
      worker('a', 1, [[0, 3]]),
      worker('b', 1, [
        [1, 1],
        [2, 1],
      ]),
    ];
    const first = planHandover(state, seeing(views), START_MS);
    const waiting = planHandover(state, seeing(views), START_MS + 9999, first.memory);
    t.same([waiting.changed, waiting.forced], [[], 0]);
    const forced = planHandover(state, seeing(views), START_MS + 10_000, waiting.memory);
    t.match(forced.changed, [{ partition: 0, epoch: 4, owner: { state: 'owned', workerId: 'b' } }]);
    t.equal(forced.forced, 1);
    const after = apply(state, forced);
    t.same(planHandover(after, seeing(views), START_MS + 10_001, forced.memory).forced, 0, 'once');
    const fresh = planHandover(state, seeing(views), START_MS + 10_000);
    t.same(fresh.changed, [], 'a new leader begins to wait anew');
  },
);

t.test('a claim to a free partition is not waited for beyond ten seconds', async (t) => {
  const state = { partitions: [unowned(0, 2), ownedBy('b', 1, 9)], revisions: told({ a: 3, b: 3 }) };
  const views = [
    worker('b', 3, [
      [1, 9],
      [0, 5],
    ]),
    worker('a', 3),
  ];
  const first = planHandover(state, seeing(views), START_MS);
  t.same(first.changed, []);
  const later = planHandover(state, seeing(views), START_MS + 10_000, first.memory);
  t.match(later.changed, [{ partition: 0, epoch: 6, owner: { workerId: 'a' } }]);
});

t.test(
  'a worker that joins moves its share and no more, and a rolling restart moves each partition a few times',
  async (t) => {
    const partitions = 24;
    let state: OwnershipState = { partitions: [], revisions: new Map() };
    state = { ...state, partitions: Array.from({ length: partitions }, (_, partition) => unowned(partition)) };
    const running = new Map<string, 'running' | 'draining'>();
    /** Rounds until nothing changes, with workers that do at once what they are told. @returns partitions granted */
    const settle = (): number => {
      let granted = 0;
      let memory = planHandover(state, seeing([]), START_MS).memory;
      for (let round = 0; round < 10; round++) {
        const views = [...running].map(([workerId, willing]): WorkerView => {
          const owned = grantsOf(workerId, state.partitions);
          const prepared = state.partitions.map(({ topicId, partition }) => ({ topicId, partition }));
          return { workerId, state: willing, assignmentRevision: state.revisions.get(workerId) ?? 0, owned, prepared };
        });
        const plan = planHandover(state, seeing(views), START_MS, memory);
        memory = plan.memory;
        granted += plan.granted;
        state = apply(state, plan);
      }
      return granted;
    };
    for (const workerId of ['a', 'b', 'c']) running.set(workerId, 'running');
    t.equal(settle(), partitions);
    running.set('d', 'running');
    t.ok(settle() <= Math.ceil(partitions / 4));
    let moves = 0;
    for (const workerId of ['a', 'b', 'c', 'd']) {
      running.set(workerId, 'draining');
      moves += settle();
      running.delete(workerId);
      running.set(`${workerId}2`, 'running');
      moves += settle();
    }
    t.ok(state.partitions.every(({ owner }) => owner.state === 'owned' && owner.workerId.endsWith('2')));
    t.ok(moves <= 4 * 2 * Math.ceil(partitions / 4), `${moves} moves: each restart moves one share away and one back`);
  },
);

// A model of workers that apply assignments late, pause, come back, drain and die, under a leader that sees heartbeats
// late. What must hold always: an epoch has one owner, epochs only grow, and two live workers that hold a proof of life
// never work on one partition in the same epoch.

interface Actor {
  readonly workerId: string;
  state: 'running' | 'draining';
  alive: boolean;
  view: WorkerView;
}
type Event = { readonly kind: 'leader' | 'apply' | 'release' | 'die' | 'drain' | 'return'; readonly pick: number };

const WORKERS = ['a', 'b', 'c'];
const events = fc.array(
  fc.record({
    kind: fc.constantFrom<Event['kind'][]>(
      'leader',
      'leader',
      'leader',
      'apply',
      'apply',
      'release',
      'die',
      'drain',
      'return',
    ),
    pick: fc.nat({ max: WORKERS.length - 1 }),
  }),
  { minLength: 5, maxLength: 60 },
);

function runSchedule(schedule: readonly Event[]): string[] {
  const violations: string[] = [];
  let state: OwnershipState = { partitions: [0, 1, 2, 3].map((partition) => unowned(partition)), revisions: new Map() };
  const actors = WORKERS.map(
    (workerId): Actor => ({ workerId, state: 'running', alive: true, view: worker(workerId, 0) }),
  );
  const holders = new Map<string, string>();
  const applyAssignment = (actor: Actor, keep: boolean): void => {
    const revision = state.revisions.get(actor.workerId);
    if (revision === undefined) return;
    const granted = grantsOf(actor.workerId, state.partitions);
    const lingering = keep
      ? actor.view.owned.filter((held) => !granted.some((g) => g.partition === held.partition))
      : [];
    actor.view = { ...actor.view, state: actor.state, assignmentRevision: revision, owned: [...granted, ...lingering] };
  };
  for (const { kind, pick } of schedule) {
    const actor = actors[pick];
    if (actor === undefined) continue;
    if (kind === 'apply' && actor.alive) applyAssignment(actor, true);
    if (kind === 'release' && actor.alive) applyAssignment(actor, false);
    if (kind === 'die') actor.alive = false;
    if (kind === 'return') actor.alive = true;
    if (kind === 'drain') {
      actor.state = 'draining';
      actor.view = { ...actor.view, state: 'draining' };
    }
    if (kind !== 'leader') continue;
    const live = actors.filter(({ alive }) => alive).map(({ view }) => ready(view));
    const plan = planHandover(state, seeing(live), START_MS);
    for (const row of plan.changed) {
      const before = state.partitions[row.partition];
      if (before === undefined || row.epoch < before.epoch) violations.push(`epoch of ${row.partition} fell`);
      if (row.owner.state !== 'owned') continue;
      const name = `${row.partition}@${row.epoch}`;
      const holder = holders.get(name);
      if (holder !== undefined && holder !== row.owner.workerId)
        violations.push(`${name}: ${holder}, ${row.owner.workerId}`);
      holders.set(name, row.owner.workerId);
      const other = live.find(
        (view) => view.workerId !== holders.get(name) && view.owned.some((o) => o.partition === row.partition),
      );
      if (other !== undefined) violations.push(`${name} was granted while ${other.workerId} still held it`);
    }
    state = apply(state, plan);
  }
  return violations;
}

t.test('over random schedules no epoch has two owners and epochs only grow', async () => {
  fc.assert(
    fc.property(events, (schedule) => runSchedule(schedule).length === 0),
    { numRuns: 500 },
  );
});

t.test('after any schedule, live and willing workers end up owning everything', async () => {
  fc.assert(
    fc.property(events, (schedule) => {
      // The survivor answers every assignment; all others are dead.
      let state: OwnershipState = {
        partitions: [0, 1, 2, 3].map((partition) => unowned(partition)),
        revisions: new Map(),
      };
      let view = worker('a', 0);
      for (const { pick } of schedule.slice(0, 10)) {
        state = apply(
          state,
          planHandover(state, seeing([view, worker(WORKERS[pick] === 'a' ? 'b' : 'c', 0)]), START_MS),
        );
      }
      for (let round = 0; round < 6; round++) {
        state = apply(state, planHandover(state, seeing([view]), START_MS));
        view = { ...view, assignmentRevision: state.revisions.get('a') ?? 0, owned: grantsOf('a', state.partitions) };
      }
      return state.partitions.every(({ owner }) => owner.state === 'owned' && owner.workerId === 'a');
    }),
    { numRuns: 200 },
  );
});
