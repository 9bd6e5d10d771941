import { mock } from 'node:test';
import t from 'tap';
import { createLogger } from '../../../platform/log.ts';
import { CommitLog } from '../../../workers/stream/commit-log.ts';
import type { PlanDelta } from '../../../workers/stream/kernel/plan-delta.ts';
import type { OwnedPartition } from '../../../workers/stream/owned-partition.ts';
import { PartitionOwner } from '../../../workers/stream/partition-owner.ts';
import { RangeWatch } from '../../../workers/stream/range-watch.ts';
import type { SlabPipeline } from '../../../workers/stream/slab-pipeline.ts';

const log = createLogger('test', 'silent');
const settle = () => new Promise((resolve) => setImmediate(resolve));
const grant = (partition: number, epoch = 1) => ({ topicId: 1, partition, epoch });
const assignment = (revision: number, ...partitions: ReturnType<typeof grant>[]) => ({
  workerId: 'w',
  revision,
  partitions,
});

function anOwner(given: { committed?: number | null; low?: number; high?: number } = {}) {
  const deltas: PlanDelta[] = [];
  const steps: string[] = [];
  let changes = 0;
  const failures: unknown[] = [];
  const commitLog = new CommitLog();
  let commit = async () => true;
  const topic = {
    topicId: 1,
    tenant: 'd',
    name: 'n',
    kafkaTopic: 'k',
    deadLetterTopic: 'dl',
    partitions: 9,
    schemaId: 1,
    schema: '{}',
  };
  const owner = new PartitionOwner({
    pipelines: [{ apply: (delta: PlanDelta) => deltas.push(delta) } as unknown as SlabPipeline],
    consumer: {
      committed: async ([place]) => {
        steps.push('committed');
        return [{ topic: 'k', partition: place?.partition ?? 0, offset: given.committed ?? null }];
      },
      queryWatermarkOffsets: async () => ({ lowOffset: given.low ?? 0, highOffset: given.high ?? 100 }),
    },
    loop: {
      begin: async ({ grant: { partition } }) => void steps.push(`begin ${partition}`),
      end: async ({ grant: { partition } }) => void steps.push(`end ${partition}`),
    },
    commitLog,
    committer: { commitAll: () => commit() },
    readInterest: async () => void steps.push('interest'),
    topic: async () => topic,
    log,
    onChange: () => {
      changes++;
    },
    onFailure: (error) => failures.push(error),
  });
  const only = (): OwnedPartition => {
    const [first] = [...owner.partitions()];
    if (!first) throw new Error('nothing is owned');
    return first;
  };
  return {
    owner,
    changes: () => changes,
    deltas,
    steps,
    failures,
    commitLog,
    only,
    setCommit: (next: typeof commit) => (commit = next),
  };
}

t.test('a granted partition begins at the commit, after all interest was read', async (t) => {
  const { owner, deltas, steps, only } = anOwner({ committed: 40 });
  owner.apply(assignment(1, grant(0, 3)), true);
  t.equal(only().nextOffset, -1, 'listed as owned while it is being begun');
  await settle();
  t.same(steps.toSorted(), ['begin 0', 'committed', 'interest']);
  t.match(deltas, [{ kind: 'open', epoch: 3, from: { offset: 39 } }]);
  t.equal(only().nextOffset, 40);
});

t.test('without a commit it begins with the first record there is, and never before it', async (t) => {
  for (const committed of [null, 3]) {
    const { owner, only } = anOwner({ committed, low: 10 });
    owner.apply(assignment(1, grant(0)), true);
    await settle();
    t.equal(only().nextOffset, 10);
  }
});

t.test('a revoked partition is given back only when what was received is settled and committed', async (t) => {
  const { owner, steps, commitLog, only, setCommit, deltas } = anOwner();
  owner.apply(assignment(1, grant(0)), true);
  await settle();
  const { slot } = only();
  commitLog.received(slot, 5);
  const accepted = commitLog.begin(slot, 5);
  const committed = Promise.withResolvers<boolean>();
  setCommit(() => committed.promise);
  owner.apply(assignment(2), true);
  await settle();
  t.same([owner.count, owner.appliedRevision, steps.at(-1)], [1, 1, 'end 0']);
  accepted();
  await settle();
  t.equal(owner.count, 1, 'not committed yet');
  committed.resolve(true);
  await settle();
  t.same([owner.count, owner.appliedRevision], [0, 2]);
  t.equal(deltas.at(-1)?.kind, 'close');
});

t.test('a partition that is granted again while it is given back is begun again', async (t) => {
  const { owner, commitLog, only } = anOwner();
  owner.apply(assignment(1, grant(0)), true);
  await settle();
  const first = only();
  commitLog.received(first.slot, 5);
  owner.apply(assignment(2), true);
  owner.apply(assignment(3, grant(0)), true);
  commitLog.begin(first.slot, 5)();
  await settle();
  await settle();
  t.not(only(), first);
  t.equal(only().state, 'running');
});

t.test(
  'after the lease ran out, what is not owned any more is dropped at once; a new epoch is a new beginning',
  async (t) => {
    const { owner, commitLog, only, setCommit } = anOwner();
    setCommit(async () => {
      throw new Error('nothing may be committed');
    });
    owner.apply(assignment(1, grant(0), grant(1)), true);
    await settle();
    const { slot } = only();
    commitLog.received(slot, 5);
    owner.apply(assignment(2, grant(1, 2)), false);
    t.equal(owner.bySlot(slot), undefined, 'its envelopes under way are dropped');
    await settle();
    t.same(
      [...owner.partitions()].map(({ grant: { partition, epoch } }) => [partition, epoch]),
      [[1, 2]],
    );
    t.equal(owner.appliedRevision, 2);
  },
);

t.test('a draining worker begins nothing, and can give back everything by itself', async (t) => {
  const { owner } = anOwner();
  owner.apply(assignment(1, grant(0)), true);
  await settle();
  owner.drain();
  owner.apply(assignment(2, grant(0), grant(1)), true);
  t.equal(owner.count, 1);
  owner.releaseAll();
  await settle();
  t.equal(owner.count, 0);
});

t.test('a running partition that stands before what Kafka still has is moved behind the hole', async (t) => {
  let tick = (): void => {};
  t.intercept(globalThis, 'setInterval', {
    value: (run: () => void) => {
      tick = run;
    },
  });
  const range = { lowOffset: 50, highOffset: 80 };
  const { owner, deltas, steps, commitLog, only } = anOwner({ committed: 5 });
  owner.apply(assignment(1, grant(0)), true);
  for (let i = 0; i < 50; i++) await Promise.resolve();
  let nowMs = 0;
  const watch = new RangeWatch({
    loop: { isBlocked: false, partitions: () => owner.partitions() } as never,
    consumer: { queryWatermarkOffsets: async () => range },
    log,
    now: () => nowMs,
    moveTo: (partition, offset) => owner.moveTo(partition, offset),
  });
  watch.start();
  t.teardown(() => watch.stop());
  nowMs = 500;
  tick();
  for (let i = 0; i < 50; i++) await Promise.resolve();
  t.equal(only().nextOffset, 5, 'it moved a moment ago');
  nowMs = 5000;
  tick();
  for (let i = 0; i < 50; i++) await Promise.resolve();
  t.equal(only().nextOffset, 50);
  t.match(deltas.at(-1), { kind: 'skip', from: { offset: 49 } });
  t.same(steps.slice(-2), ['end 0', 'begin 0']);
  t.same(commitLog.due(), [{ slot: only().slot, nextOffset: 50 }]);
});

t.test(
  'a partition that its owner has just given back goes on where that one stopped, and Kafka is not asked',
  async (t) => {
    const { owner, steps, only } = anOwner({ committed: 3 });
    owner.apply({ workerId: 'w', revision: 1, partitions: [{ ...grant(0, 4), startOffset: 60 }] }, true);
    await settle();
    t.equal(only().nextOffset, 60);
    t.same(steps, ['interest', 'begin 0']);
  },
);

t.test('what was given back is told with the offset at which it goes on', async (t) => {
  const { owner } = anOwner({ committed: 40 });
  owner.apply(assignment(1, grant(0, 3)), true);
  await settle();
  t.same(owner.released(), []);
  owner.apply(assignment(2), true);
  await settle();
  t.same(owner.released(), [{ topicId: 1, partition: 0, epoch: 3, nextOffset: 40 }]);
  owner.apply(assignment(3, grant(0, 5)), true);
  t.same(owner.released(), [], 'it is here again');
});

t.test('what comes next is prepared, and said to be when it is', async (t) => {
  const { owner, changes, steps } = anOwner();
  const next = [
    { topicId: 1, partition: 4 },
    { topicId: 1, partition: 5 },
  ];
  owner.apply({ ...assignment(1), next }, true);
  t.same(owner.prepared(), [], 'not yet');
  await settle();
  t.same(owner.prepared(), next);
  t.equal(changes(), 2, 'and the leader hears of it');
  t.equal(owner.count, 0, 'nothing is owned by it');
  t.notOk(steps.some((step) => step.startsWith('begin')));
  owner.apply({ ...assignment(1), next: next.slice(1) }, true);
  t.same(owner.prepared(), next.slice(1));
});

t.test('a release that takes too long ends as a loss: nothing is committed or published any more', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const { owner, only, commitLog, setCommit, steps } = anOwner();
  let commits = 0;
  setCommit(async () => {
    commits++;
    return true;
  });
  owner.apply(assignment(1, grant(0)), true);
  await settle();
  const { slot } = only();
  commitLog.received(slot, 5);
  const accepted = commitLog.begin(slot, 5);
  owner.apply(assignment(2), true);
  await settle();
  mock.timers.tick(6999);
  await settle();
  t.equal(owner.count, 1);
  mock.timers.tick(1);
  await settle();
  t.same([owner.count, owner.appliedRevision], [0, 2]);
  t.equal(owner.bySlot(slot), undefined, 'its envelopes under way are dropped');
  accepted();
  await settle();
  t.same([commits, commitLog.due(), owner.released()], [0, [], []], 'the next owner begins at the last commit');
  t.same(
    steps.filter((step) => step.startsWith('end')),
    ['end 0'],
  );
});
