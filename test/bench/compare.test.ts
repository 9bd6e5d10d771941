import assert from 'node:assert/strict';
import t from 'tap';
import { compare } from '../../bench/compare/compare.ts';
import { comparisonText } from '../../bench/compare/comparison-text.ts';
import { aFigure, aResult, aRun, aSuite } from './a-result.ts';

const withFigures = (...figures: Parameters<typeof aFigure>[0][]) =>
  aResult({ suites: [aSuite({ suite: 'kernel', figures: figures.map(aFigure) })] });

t.test('a difference counts only when the repetitions of both do not touch', async () => {
  const a = withFigures({ id: 'x', value: 100 }, { id: 'y', value: 100 }, { id: 'z', value: 100, better: 'lower' });
  const b = withFigures({ id: 'x', value: 105 }, { id: 'y', value: 150 }, { id: 'z', value: 150, better: 'lower' });
  const { figures } = compare(a, b);
  assert.deepEqual(
    figures.map(({ id, ratio, verdict }) => [id, ratio, verdict]),
    [
      ['x', 1.05, 'same'],
      ['y', 1.5, 'better'],
      ['z', 1.5, 'worse'],
    ],
  );
});

t.test('a figure that was measured once is never said to be better', async () => {
  const once = (value: number) => withFigures({ id: 'x', value, low: value, high: value });
  assert.equal(compare(once(100), once(200)).figures[0]?.verdict, 'unsure');
});

t.test('figures of one result only are named', async () => {
  const text = comparisonText(compare(withFigures({ id: 'x', value: 1 }), withFigures({ id: 'new one', value: 1 })));
  assert.match(text, /only in A: x/);
  assert.match(text, /only in B: new one/);
});

t.test('another machine and a failed suite are warned of', async () => {
  const machine = { cpu: 'another', cores: 64, memoryBytes: 1, system: 'Linux', loadBefore: 40 };
  const failed = aSuite({ suite: 'firehose', runs: [aRun({ rate: 1000, failures: ['lost 1 event'] })] });
  const { warnings } = compare(aResult(), aResult({ machine, suites: [failed] }));
  assert.match(warnings.join('\n'), /the machine differs: 2 × a processor and 64 × another/);
  assert.match(warnings.join('\n'), /in B the machine was busy: 40\.0 of 64 cores/);
  assert.match(warnings.join('\n'), /in B, suite firehose failed \(1\)/);
});
