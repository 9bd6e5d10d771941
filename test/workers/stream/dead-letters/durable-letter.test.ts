import t from 'tap';
import type { DeadLetterRequest } from '../../../../schemas/durable.ts';
import { durableLetterOf } from '../../../../workers/stream/dead-letters/durable-letter.ts';

const aRequest = (reason: string): DeadLetterRequest => ({
  subscription: 'sub-1',
  subscriptionName: 'on-call',
  shard: 2,
  topicId: 7,
  cursor: [3, 41, 5],
  attempts: 4,
  reason,
  consumer: 'c',
});
const record = { value: Buffer.from('value'), key: 'key', timestamp: 12 };
const letter = (reason: string, original: typeof record | null = record) =>
  durableLetterOf(aRequest(reason), 'default.orders', original, 99);

t.test('a letter says whose it was, where it is and what it was', (t) => {
  t.match(letter('no'), {
    topic: 'default.orders',
    partition: 3,
    offset: 41,
    index: 5,
    subscription: 'sub-1',
    subscriptionName: 'on-call',
    shard: 2,
    attempts: 4,
    consumer: 'c',
    recordTimestamp: 12,
    rejectedAt: 99,
    key: Buffer.from('key'),
    value: record.value,
  });
  t.end();
});

t.test("a code stays what it is; a consumer's own words stand in the message", (t) => {
  t.match(letter('MDS_NOT_ACKNOWLEDGED'), { reason: 'MDS_NOT_ACKNOWLEDGED', message: /4 times/ });
  t.match(letter('the door is shut'), { reason: 'MDS_EVENT_REFUSED', message: /attempt 4: the door is shut/ });
  t.match(letter('MDS_OF_ITS_OWN'), { reason: 'MDS_EVENT_REFUSED', message: /MDS_OF_ITS_OWN/ });
  t.end();
});

t.test('without the record the letter says so, and why it was to be one', (t) => {
  t.match(letter('the door is shut', null), {
    reason: 'MDS_RECORD_GONE',
    message: /no longer holds.*the door is shut/,
    value: null,
    key: null,
    recordTimestamp: 0,
  });
  t.end();
});
