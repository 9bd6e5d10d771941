import t from 'tap';
import type { KernelAnswer, KernelTask } from '../../../workers/stream/kernel/kernel-task.ts';
import { SlabReader } from '../../../workers/stream/slab.ts';
import { type RejectedRecord, SlabPipeline } from '../../../workers/stream/slab-pipeline.ts';
import { encodeEvent } from './kernel/ticks.ts';

const turns = async (count = 30): Promise<void> => {
  for (let i = 0; i < count; i++) await Promise.resolve();
};
const answer = (task: KernelTask, given: Partial<KernelAnswer> = {}): KernelAnswer => ({
  envelopes: [],
  rejects: [],
  nextRecord: task.slab ? new SlabReader(task.slab).recordCount : 0,
  done: true,
  neededBytes: 0,
  eventCount: 0,
  matchCount: 0,
  failures: [],
  busyMs: 0,
  cpuMs: 0,
  ...given,
});

function aPipeline(given: { outputCount?: number; schema?: (id: number) => Promise<string | null> } = {}) {
  const tasks: KernelTask[] = [];
  const answers: ((given?: Partial<KernelAnswer>) => void)[] = [];
  const publishes: (() => void)[] = [];
  const letters: { rejects: readonly RejectedRecord[]; accept: () => void }[] = [];
  const settled: string[] = [];
  const failures: unknown[] = [];
  const thread = {
    run: (task: KernelTask) => {
      tasks.push(task);
      const { promise, resolve } = Promise.withResolvers<KernelAnswer>();
      answers.push((more) => resolve(answer(task, more)));
      return promise;
    },
    close: async () => {},
  };
  const pipeline = new SlabPipeline(
    thread,
    {
      publish: () => new Promise<void>((resolve) => publishes.push(resolve)),
      deadLetter: (rejects) => new Promise<void>((accept) => letters.push({ rejects, accept })),
      begin: (slot, nextOffset) => () => settled.push(`${slot}:${nextOffset}`),
      schema: given.schema ?? (async () => '"a schema"'),
      ran: () => {},
      failed: (error) => failures.push(error),
    },
    { slabCount: 2, slabBytes: 400, outputCount: given.outputCount ?? 2, outputBytes: 100 },
  );
  const append = (offset: number, slot = 0) =>
    pipeline.append({ slot, offset, timestampMs: 0, receivedMs: 0, value: encodeEvent(1), key: null });
  return { pipeline, tasks, answers, publishes, letters, settled, failures, append };
}

t.test('while one slab is processed the next one fills, and all of it goes at once', async (t) => {
  const { pipeline, tasks, answers, append } = aPipeline();
  append(0);
  pipeline.flush();
  await turns();
  append(1);
  append(2);
  pipeline.flush();
  await turns();
  t.equal(tasks.length, 1, 'one at a time');
  answers[0]?.();
  await turns();
  t.equal(tasks.length, 2);
  t.equal(tasks[1]?.slab && new SlabReader(tasks[1].slab).recordCount, 2);
});

t.test(
  'the schema of a record goes to the kernel before the record, once; an unknown one is asked for again',
  async (t) => {
    let asked = 0;
    const { pipeline, tasks, answers, append } = aPipeline({
      outputCount: 9,
      schema: async () => (asked++ === 0 ? null : 'text'),
    });
    for (let i = 0; i < 3; i++) {
      append(i);
      pipeline.flush();
      await turns();
      answers[i]?.();
      await turns();
    }
    t.same(
      tasks.map(({ deltas }) => deltas.map(({ kind }) => kind)),
      [[], ['schema'], []],
    );
    t.equal(asked, 2);
  },
);

t.test('joins and watermarks go on while a slab waits for the registry', async (t) => {
  const registry = Promise.withResolvers<string | null>();
  const { pipeline, tasks, answers, append } = aPipeline({ schema: () => registry.promise });
  append(0);
  pipeline.flush();
  await turns();
  t.equal(tasks.length, 0);
  pipeline.watermark();
  await turns();
  t.match(tasks, [{ watermark: true, slab: undefined }]);
  answers[0]?.();
  registry.resolve('text');
  await turns();
  t.ok(tasks[1]?.slab);
});

t.test('an offset is settled when Redis has the envelopes and Kafka the dead letters', async (t) => {
  const { pipeline, answers, publishes, letters, settled, append } = aPipeline();
  append(5);
  append(6, 1);
  pipeline.flush();
  await turns();
  answers[0]?.({ rejects: [{ record: 1, code: 'MDS_RECORD_TRUNCATED', message: 'cut' }] });
  await turns();
  publishes[0]?.();
  await turns();
  t.same(settled, []);
  t.match(letters[0]?.rejects, [{ slot: 1, offset: 6, code: 'MDS_RECORD_TRUNCATED' }]);
  t.same(letters[0]?.rejects[0]?.value, Buffer.from(encodeEvent(1)));
  letters[0]?.accept();
  await turns();
  t.same(settled, ['0:6', '1:7']);
});

t.test('when Redis does not take envelopes the kernel stops, then the slabs fill, then append says no', async (t) => {
  const { pipeline, tasks, answers, publishes, append } = aPipeline({ outputCount: 2 });
  let offset = 0;
  for (let i = 0; i < 3; i++) {
    append(offset++);
    pipeline.flush();
    await turns();
    answers[i]?.();
    await turns();
  }
  t.equal(tasks.length, 2, 'no free output, no run');
  while (append(offset)) offset++;
  t.ok(offset < 30, 'bounded');
  let hasRoom = false;
  pipeline.room().then(() => {
    hasRoom = true;
  });
  await turns();
  t.notOk(hasRoom);
  publishes[0]?.();
  await turns();
  answers[2]?.();
  await turns();
  t.ok(hasRoom, 'Redis goes on, and so does everything');
});

t.test('a full output is published and the same slab goes on; deltas are given once', async (t) => {
  const { pipeline, tasks, answers, append } = aPipeline({ outputCount: 9 });
  append(0);
  append(1);
  pipeline.apply({ kind: 'close', slot: 7 });
  await turns();
  const first = tasks.findIndex(({ slab }) => slab !== undefined);
  if (first === -1) answers[0]?.();
  await turns();
  const at = tasks.findIndex(({ slab }) => slab !== undefined);
  answers[at]?.({ nextRecord: 1, done: false });
  await turns();
  t.match(tasks.at(-1), { firstRecord: 1, deltas: [] });
  answers[at + 1]?.({ nextRecord: 1, done: false, neededBytes: 5000 });
  await turns();
  t.equal(tasks.at(-1)?.output.byteLength, 5000, 'a record that needs more room gets it');
  answers[at + 2]?.();
  await turns();
  t.equal(tasks.flatMap(({ deltas }) => deltas).filter(({ kind }) => kind === 'close').length, 1);
});

t.test('a thread that breaks is reported, and after a stop nothing is', async (t) => {
  const broken = aPipeline({ schema: () => Promise.reject(new Error('no schema')) });
  broken.append(0);
  broken.pipeline.flush();
  await turns();
  t.match(broken.failures, [{ message: 'no schema' }]);
  const stopped = aPipeline({ schema: () => Promise.reject(new Error('stopping')) });
  stopped.append(0);
  stopped.pipeline.flush();
  await stopped.pipeline.stop();
  await turns();
  stopped.pipeline.flush();
  t.same(stopped.failures, []);
});
