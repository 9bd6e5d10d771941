// Every input in corpus/ is read or refused as it must be. One that fails again: `node test/fuzz/corpus.test.ts`.

import t from 'tap';
import { readCorpus } from './corpus.ts';
import { attemptInput, Tally } from './target.ts';

t.test('every kept input is dealt with as it must be', async (t) => {
  const corpus = readCorpus();
  const tally = new Tally();
  for (const { file, target, story, input } of corpus) {
    const { outcome, failure } = attemptInput(target, input);
    if (failure) t.fail(`${file} (${story}): ${failure.message}`);
    if (outcome) tally.add(outcome);
  }
  t.ok(corpus.length >= 20, `${tally}`);
});
