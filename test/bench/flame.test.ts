import assert from 'node:assert/strict';
import t from 'tap';
import { type CpuProfile, foldProfile, topFunctions } from '../../bench/report/flame.ts';

const frame = (functionName: string, url = 'file:///x/kernel.ts', lineNumber = 9) => ({
  functionName,
  url,
  lineNumber,
});

/** (root) → run → scan; (root) → run → write → scan; and 40 ms of doing nothing. */
const PROFILE: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(root)', ''), children: [2, 6] },
    { id: 2, callFrame: frame('run'), children: [3, 4] },
    { id: 3, callFrame: frame('scan') },
    { id: 4, callFrame: frame('write'), children: [5] },
    { id: 5, callFrame: frame('scan') },
    { id: 6, callFrame: frame('(idle)', '') },
  ],
  samples: [2, 3, 3, 5, 4, 6, 6],
  timeDeltas: [0, 1000, 2000, 3000, 4000, 5000, 40_000],
};

t.test('samples of one call path become one box with its time and that of what it called', async () => {
  const root = foldProfile(PROFILE);
  assert.equal(root.totalMs, 1 + 2 + 3 + 4 + 5);
  const [run] = root.children;
  assert.equal(run?.name, 'run kernel.ts:10');
  assert.equal(run?.selfMs, 1);
  assert.deepEqual(
    run?.children.map(({ name, totalMs }) => [name.split(' ')[0], totalMs]),
    [
      ['write', 9],
      ['scan', 5],
    ],
  );
});

t.test('idle time is no part of the picture', async () => {
  assert.doesNotMatch(JSON.stringify(foldProfile(PROFILE)), /idle/);
});

t.test('the top list adds a function up, whoever called it', async () => {
  const [first] = topFunctions(foldProfile(PROFILE), 3);
  assert.equal(first?.name, 'scan kernel.ts:10');
  assert.equal(first?.selfMs, 9);
  assert.equal(first?.share, 9 / 15);
});

t.test('what is too small to see is left out, and its time stays in the total', async () => {
  const root = foldProfile(PROFILE, 0.4);
  assert.equal(root.totalMs, 15);
  assert.deepEqual(
    root.children[0]?.children.map(({ name }) => name),
    ['write kernel.ts:10'],
  );
});
