import t from 'tap';
import { Sampler, type Source } from '../../../workers/collector/sampler.ts';
import { aSample } from './a-sample.ts';

function observed(sources: readonly Source[]) {
  const seen: string[] = [];
  const sampler = new Sampler(sources, {
    onSamples: (samples, source) => seen.push(`${source} ${samples.length}`),
    onFailure: (source, error) => seen.push(`${source} failed: ${error instanceof Error ? error.message : error}`),
    onSkip: (source) => seen.push(`${source} skipped`),
  });
  return { sampler, seen };
}

t.test('each source is read at its own pace', async (t) => {
  const { sampler, seen } = observed([
    { name: 'fast', everyRounds: 1, read: async () => [aSample()] },
    { name: 'slow', everyRounds: 3, read: async () => [aSample(), aSample()] },
  ]);
  for (let round = 0; round < 4; round++) {
    sampler.startRound();
    await sampler.settled();
  }
  t.same(seen, ['fast 1', 'slow 2', 'fast 1', 'fast 1', 'fast 1', 'slow 2']);
});

t.test('a source that is still busy is passed over, not read twice at a time', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let readings = 0;
  const slow: Source = {
    name: 'slow',
    everyRounds: 1,
    read: async () => {
      readings += 1;
      await promise;
      return [];
    },
  };
  const { sampler, seen } = observed([slow]);
  sampler.startRound();
  sampler.startRound();
  sampler.startRound();
  t.equal(readings, 1);
  resolve();
  await sampler.settled();
  t.same(seen, ['slow skipped', 'slow skipped', 'slow 0']);
  sampler.startRound();
  t.equal(readings, 2);
});

t.test('a source that fails is read again in its next turn and disturbs no other', async (t) => {
  let calls = 0;
  const { sampler, seen } = observed([
    {
      name: 'moody',
      everyRounds: 1,
      read: async () => {
        calls += 1;
        if (calls === 1) throw new Error('no such file');
        return [];
      },
    },
    { name: 'calm', everyRounds: 1, read: async () => [] },
  ]);
  sampler.startRound();
  await sampler.settled();
  sampler.startRound();
  await sampler.settled();
  t.same(seen.sort(), ['calm 0', 'calm 0', 'moody 0', 'moody failed: no such file']);
});
