import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { DenseBins } from '../../../schemas/rollup/dense-bins.ts';
import { RELATIVE_ERROR, Sketch } from '../../../schemas/rollup/sketch.ts';
import { RUNS } from '../damage.ts';

const anyValue = fc.oneof(
  fc.double({ min: 1e-9, max: 1e18, noNaN: true }),
  fc.double({ min: -1e18, max: -1e-9, noNaN: true }),
  fc.integer({ min: -1000, max: 1000 }),
  fc.constant(0),
);
const sketchOf = (values: readonly number[]): Sketch => {
  const sketch = new Sketch();
  for (const value of values) sketch.add(value);
  return sketch;
};
const binsOf = ({ keys, counts, size }: Sketch) =>
  Array.from(keys.subarray(0, size), (key, place) => [key, counts[place]]);

t.test('a quantile is within the stated error of the value of its rank', async () => {
  fc.assert(
    fc.property(
      fc.array(anyValue, { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, q) => {
        const exact = values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(q * values.length) - 1)] ?? 0;
        const found = sketchOf(values).quantile(q, values.length);
        assert.ok(Math.abs(found - exact) <= Math.abs(exact) * RELATIVE_ERROR * 1.0001, `${found} for ${exact}`);
      },
    ),
    { numRuns: RUNS },
  );
});

t.test('merged sketches are the sketch of all values, in whatever order and grouping they are merged', async () => {
  fc.assert(
    fc.property(fc.array(fc.array(anyValue, { maxLength: 30 }), { maxLength: 8 }), fc.nat(7), (parts, first) => {
      const merged = new Sketch();
      for (let i = 0; i < parts.length; i++) {
        const { keys, counts, size } = sketchOf(parts[(i + first) % parts.length] ?? []);
        merged.merge(keys, counts, 0, size);
      }
      assert.deepEqual(binsOf(merged), binsOf(sketchOf(parts.flat())));
    }),
    { numRuns: RUNS },
  );
});

t.test('dense bins say what the sketch of all values says, each time they are used again', async () => {
  const bins = new DenseBins();
  fc.assert(
    fc.property(
      fc.array(fc.array(anyValue, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 8 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (parts, q) => {
        const all = parts.flat();
        for (const { keys, counts, size } of parts.map(sketchOf)) bins.add(keys, counts, 0, size);
        assert.equal(bins.quantile(q, all.length), sketchOf(all).quantile(q, all.length));
        bins.clear();
      },
    ),
    { numRuns: RUNS },
  );
});

t.test('values beyond the range still count', async (t) => {
  const sketch = sketchOf([1e300, -1e300, 1e-300]);
  t.equal(sketch.size, 3);
  t.equal(sketch.quantile(0.5, 3), 0, 'what is nearly nothing is nothing');
});
