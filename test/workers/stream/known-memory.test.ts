import t from 'tap';
import { KnownMemory } from '../../../workers/stream/known-memory.ts';

t.test('memory is posted once and named afterwards', async (t) => {
  const known = new KnownMemory(100);
  const [a, b] = [new SharedArrayBuffer(100), new SharedArrayBuffer(50)];
  t.strictSame(
    [known.refTo(a), known.refTo(b)],
    [
      { id: 0, memory: a },
      { id: 1, memory: b },
    ],
  );
  t.strictSame([known.refTo(a), known.refTo(b)], [{ id: 0 }, { id: 1 }]);
});

t.test('memory of a giant record is posted each time and not kept', async (t) => {
  const known = new KnownMemory(100);
  const giant = new SharedArrayBuffer(101);
  t.strictSame(known.refTo(giant), { id: -1, memory: giant });
  t.strictSame(known.refTo(giant), { id: -1, memory: giant });
});

t.test('of very many memories the oldest is given up, and the thread is told once', async (t) => {
  const known = new KnownMemory(100);
  const memories = Array.from({ length: 258 }, () => new SharedArrayBuffer(8));
  for (const memory of memories) known.refTo(memory);
  t.strictSame(known.takeForgotten(), [0, 1]);
  t.strictSame(known.takeForgotten(), []);
  const [first] = memories;
  if (first) t.strictSame(known.refTo(first), { id: 258, memory: first }, 'and posted again when it comes back');
});
