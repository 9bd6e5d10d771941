import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { afterRecord, beforeRecord, compareCursors, sameCursor } from '../../schemas/cursor.ts';
import { anyCursor, RUNS } from './damage.ts';

t.test('cursors are totally ordered, by offset and then by index', async () => {
  fc.assert(
    fc.property(anyCursor, anyCursor, anyCursor, (a, b, c) => {
      assert.equal(Math.sign(compareCursors(a, b)), -Math.sign(compareCursors(b, a)) + 0);
      assert.equal(compareCursors(a, b) === 0, sameCursor(a, b));
      if (compareCursors(a, b) <= 0 && compareCursors(b, c) <= 0) assert.ok(compareCursors(a, c) <= 0);
      if (a.offset < b.offset) assert.ok(compareCursors(a, b) < 0);
      if (a.offset === b.offset && a.index < b.index) assert.ok(compareCursors(a, b) < 0);
    }),
    { numRuns: RUNS },
  );
});

t.test('a record stands between its two ends, and records touch', async () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(1_000_000), (offset, index) => {
      assert.ok(compareCursors(beforeRecord(offset), { offset, index }) < 0);
      assert.ok(compareCursors({ offset, index }, afterRecord(offset)) < 0);
      assert.ok(sameCursor(afterRecord(offset), beforeRecord(offset + 1)));
    }),
    { numRuns: RUNS },
  );
});
