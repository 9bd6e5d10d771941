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
  const revoke = step([worker('a', 7, held), worker('b', 0)]);
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
    const live = actors.filter(({ alive }) => alive).map(({ view }) => view);
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
