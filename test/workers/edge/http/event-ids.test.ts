import fc from 'fast-check';
import t from 'tap';
import { type Cursor, END_OF_RECORD } from '../../../../schemas/cursor.ts';
import { encodeResumeToken } from '../../../../schemas/resume-token.ts';
import { EventIds } from '../../../../workers/edge/http/event-ids.ts';

const cursor: fc.Arbitrary<Cursor> = fc.record({
  offset: fc.oneof(
    fc.integer({ min: -1, max: 300 }),
    fc.maxSafeInteger().map((offset) => Math.abs(offset) - 1),
  ),
  index: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constant(END_OF_RECORD)),
});
const move = fc.tuple(fc.integer({ min: 0, max: 200 }), cursor);

t.test('after any moves the id is the resume token of the position', async (t) => {
  fc.assert(
    fc.property(fc.nat(), fc.array(move), fc.array(move), (topicId, start, moves) => {
      const position = new Map(start);
      const ids = new EventIds(topicId, position);
      for (const [partition, to] of moves) {
        position.set(partition, to);
        ids.move(partition, to);
        if (ids.token !== encodeResumeToken({ topicId, position })) return false;
      }
      return ids.token === encodeResumeToken({ topicId, position });
    }),
  );
  t.pass();
});

t.test('the position it was given is not touched', async (t) => {
  const position = new Map([[0, { offset: 1, index: 0 }]]);
  new EventIds(1, position).move(0, { offset: 9, index: 0 });
  t.same(position.get(0), { offset: 1, index: 0 });
});
