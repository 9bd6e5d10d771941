import t from 'tap';
import { EventQueue } from '../../../workers/collector/event-queue.ts';

t.test('events are taken in the order they came', async (t) => {
  const queue = new EventQueue<number>(10);
  queue.add([1, 2, 3]);
  queue.add([4]);
  t.same(queue.take(3), [1, 2, 3]);
  t.same(queue.take(3), [4]);
  t.same(queue.take(3), []);
});

t.test('a full queue drops the oldest and counts them', async (t) => {
  const queue = new EventQueue<number>(3);
  queue.add([1, 2]);
  queue.add([3, 4, 5]);
  t.equal(queue.size, 3);
  t.equal(queue.dropped, 2);
  t.same(queue.take(10), [3, 4, 5]);
});
