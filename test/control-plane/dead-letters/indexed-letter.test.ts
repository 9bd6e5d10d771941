import t from 'tap';
import { labelled } from '../../../control-plane/dead-letters/dead-letter-metrics.ts';
import { indexedLetterOf, lastOfEach } from '../../../control-plane/dead-letters/indexed-letter.ts';
import type { DeadLetterRecord } from '../../../platform/dead-letter-record.ts';

const aLetter = (given: Partial<DeadLetterRecord> = {}): DeadLetterRecord => ({
  topic: 'default.orders',
  partition: 1,
  offset: 5,
  reason: 'MDS_EVENT_REFUSED',
  message: 'No.',
  recordTimestamp: 1,
  rejectedAt: 2,
  key: null,
  value: null,
  index: 0,
  subscription: 'sub-1',
  subscriptionName: 'on-call',
  shard: 0,
  attempts: 5,
  consumer: 'c',
  ...given,
});
const place = { tenant: 'default', dlqTopic: 'default.dead-letter', dlqPartition: 0, dlqOffset: 9 };
const indexed = (given: Partial<DeadLetterRecord> = {}, dlqOffset = 9) =>
  indexedLetterOf(aLetter(given), { ...place, dlqOffset });

t.test('one event of one subscription is one letter, however often and whyever it is written', (t) => {
  const { deadLetterId } = indexed();
  t.equal(indexed({ attempts: 9, reason: 'MDS_RECORD_GONE', rejectedAt: 77, shard: 3 }, 10).deadLetterId, deadLetterId);
  const others = [{ index: 1 }, { offset: 6 }, { partition: 2 }, { subscription: 'sub-2' }, { subscription: null }];
  const ids = others.map((given) => indexed(given).deadLetterId);
  t.equal(new Set([deadLetterId, ...ids]).size, 6, 'and others are others');
  t.end();
});

t.test('of a batch the last of each letter counts', (t) => {
  const letters = lastOfEach([indexed({}, 1), indexed({ offset: 6 }, 2), indexed({}, 3)]);
  t.same(letters.map(({ dlqOffset }) => dlqOffset).sort(), [2, 3]);
  t.end();
});

t.test('a topic is named as users name it, and a key is kept where it is text', (t) => {
  t.equal(indexed().topic, 'orders');
  t.equal(indexed({ topic: 'other.orders' }).topic, 'other.orders');
  t.equal(indexed({ key: Buffer.from('käse') }).recordKey, 'käse');
  for (const key of [Buffer.from([0xff, 0xfe]), Buffer.from('a\u0000b'), Buffer.alloc(300, 'x')]) {
    t.equal(indexed({ key }).recordKey, null);
  }
  t.notMatch(indexed({ message: 'a\u0000b' }).message, '\u0000', 'Postgres would refuse it');
  t.equal(indexed({ attempts: null }).attempts, 0);
  t.end();
});

t.test('there are never more series than may be, and no letter is left out', (t) => {
  const topics = [5, 4, 3, 2].map((letters, i) => ({ topic: `t${i}`, letters, oldestSeconds: i * 10 }));
  t.same(labelled(topics, 4), topics);
  t.same(labelled(topics, 3), [topics[0], topics[1], { topic: 'other', letters: 5, oldestSeconds: 30 }]);
  t.same(labelled([], 3), []);
  t.end();
});
