import t from 'tap';
import { completePosition, startPositionOf } from '../../../control-plane/durable/start-position.ts';
import { END_OF_RECORD } from '../../../schemas/cursor.ts';
import { encodeResumeToken } from '../../../schemas/resume-token.ts';

const topic = { topicId: 7, name: 'orders', kafkaTopic: 'default.orders', partitions: 2 };
const kafka = {
  ranges: async () =>
    new Map([
      [0, { lowOffset: 10, highOffset: 20 }],
      [1, { lowOffset: 0, highOffset: 0 }],
    ]),
  offsetsForTime: async (_topic: string, _partitions: number, timeMs: number) =>
    new Map([
      [0, timeMs === 1000 ? 15 : null],
      [1, null],
    ]),
};
const from = (start: Parameters<typeof startPositionOf>[0]) => startPositionOf(start, topic, kafka);

t.test('earliest has nothing behind it, latest everything', async (t) => {
  t.same(await from('earliest'), [
    [0, 9, END_OF_RECORD],
    [1, -1, END_OF_RECORD],
  ]);
  t.same(await from('latest'), [
    [0, 19, END_OF_RECORD],
    [1, -1, END_OF_RECORD],
  ]);
});

t.test('a time is before its first record, or at the end where there is none', async (t) => {
  t.same(await from({ time: '1970-01-01T00:00:01Z' }), [
    [0, 14, END_OF_RECORD],
    [1, -1, END_OF_RECORD],
  ]);
  t.same((await from({ time: '2030-01-01T00:00:00Z' }))[0], [0, 19, END_OF_RECORD]);
  await t.rejects(from({ time: 'noon' }), { code: 'MDS_REQUEST_INVALID' });
});

// A subscription that was put to the year 1149 was answered as if Kafka were away.
t.test('a time before 1970 is never asked of Kafka, to which a negative one means something else', async (t) => {
  const asked: number[] = [];
  const offsetsForTime = async (_topic: string, _partitions: number, timeMs: number) => {
    asked.push(timeMs);
    return new Map([[0, 10]]);
  };
  await startPositionOf({ time: '1149-05-07T08:07:54Z' }, topic, { ...kafka, offsetsForTime });
  t.same(asked, [0]);
});

t.test('a token is taken as it is, without asking Kafka', async (t) => {
  const away = { ranges: () => Promise.reject(new Error('away')), offsetsForTime: kafka.offsetsForTime };
  const token = encodeResumeToken({ topicId: 7, position: new Map([[1, { offset: 3, index: 2 }]]) });
  t.same(await startPositionOf({ token }, topic, away), [
    [0, -1, END_OF_RECORD],
    [1, 3, 2],
  ]);
  const foreign = encodeResumeToken({ topicId: 8, position: new Map() });
  await t.rejects(from({ token: foreign }), { code: 'MDS_TOKEN_WRONG_TOPIC' });
  await t.rejects(from({ token: 'x' }), { code: 'MDS_TOKEN_CORRUPT' });
});

t.test('a partition that a position lacks stands at its beginning, one that the topic lacks is left out', (t) => {
  t.same(
    completePosition(
      [
        [1, 5, 0],
        [4, 9, 0],
      ],
      3,
    ),
    [
      [0, -1, END_OF_RECORD],
      [1, 5, 0],
      [2, -1, END_OF_RECORD],
    ],
  );
  t.end();
});
