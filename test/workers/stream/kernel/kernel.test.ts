import t from 'tap';
import { afterRecord, beforeRecord } from '../../../../schemas/cursor.ts';
import { channelId, KernelDriver, LaneBooks, LIMITS, NOW_MS, type Run } from './kernel-driver.ts';
import { ALL, EVEN, encodeBatch, encodeEvent, ODD, textOf, tickPlan } from './ticks.ts';

const START = beforeRecord(10);

const textsOf = (envelopes: Run['envelopes'], lane: string): string[] =>
  envelopes
    .filter((one) => one.lane === lane)
    .flatMap(({ events }) => events.map(({ bytes }) => Buffer.from(bytes).toString()));

t.test(
  'an event stands once in an envelope for all channels with the same projection, and alike in every lane',
  async (t) => {
    const driver = new KernelDriver();
    driver.open(0, START);
    driver.add('a', channelId(1), ALL);
    driver.add('a', channelId(2), EVEN);
    driver.add('b', channelId(2), EVEN);
    driver.add('b', channelId(3), tickPlan({ fields: ['n'] }));
    driver.add('b', channelId(4), tickPlan({ filter: 'n > 3', fields: ['n'] }));
    const { envelopes, eventCount, matchCount } = driver.run([{ offset: 10, value: encodeEvent(4) }]);
    t.same(textsOf(envelopes, 'a'), [textOf(4)]);
    t.same(textsOf(envelopes, 'b').sort(), ['{"n":4}', textOf(4)].sort());
    const [a, b] = ['a', 'b'].map((lane) => envelopes.find((one) => one.lane === lane && one.events.length > 0));
    t.equal(a?.channels.length, 2);
    t.equal(b?.channels.length, 3);
    t.same([eventCount, matchCount], [1, 5]);
    t.match(a, {
      kind: 'live',
      partition: 100,
      topicId: 7,
      epoch: 1,
      oldestRecordMs: 1010,
      receivedMs: 3000,
      publishedMs: NOW_MS,
    });
  },
);

t.test('a channel that comes or goes leaves the others as they are', async (t) => {
  const driver = new KernelDriver();
  const books = new LaneBooks();
  driver.open(0, START);
  driver.add('a', channelId(1), tickPlan({ fields: ['n'] }));
  driver.add('a', channelId(2), EVEN);
  books.read(driver.run([{ offset: 10, value: encodeEvent(2) }]).envelopes);
  driver.add('a', channelId(3), tickPlan({ filter: 'n == 4', fields: ['n'] }));
  driver.kernel.applyDelta({ kind: 'remove', lane: 'a', channel: channelId(1), generation: 1 });
  books.read(driver.run([{ offset: 11, value: encodeEvent(4) }]).envelopes);
  driver.add('a', channelId(1), tickPlan({ fields: ['n'] }), 2);
  driver.kernel.applyDelta({ kind: 'remove', lane: 'a', channel: channelId(2), generation: 1 });
  books.read(driver.run([{ offset: 12, value: encodeEvent(4) }]).envelopes);
  t.same(books.faults, []);
  const texts = books.texts();
  t.same(texts.get(`a/100/${channelId(1)}`), ['10/0 {"n":2}', '12/0 {"n":4}']);
  t.same(texts.get(`a/100/${channelId(2)}`), [`10/0 ${textOf(2)}`, `11/0 ${textOf(4)}`]);
  t.same(texts.get(`a/100/${channelId(3)}`), ['11/0 {"n":4}', '12/0 {"n":4}']);
});

t.test('a join is told at once, from where the partition stands, also without any record', async (t) => {
  const driver = new KernelDriver();
  driver.open(0, START);
  driver.open(1, afterRecord(3));
  t.same(driver.run().envelopes, [], 'nobody to tell');
  driver.add('a', channelId(1), ALL, 5);
  const { envelopes } = driver.run();
  t.same(
    envelopes.map(({ from, to, joined }) => ({ from, to, joined })),
    [START, afterRecord(3)].map((at) => ({ from: at, to: at, joined: [{ channel: channelId(1), generation: 5 }] })),
  );
  driver.add('a', channelId(1), ALL, 5);
  t.same(driver.run().envelopes, [], 'the same interest told again is no new join');
  driver.add('a', channelId(1), ALL, 6);
  t.equal(driver.run().envelopes.length, 2, 'a new generation is');
});

t.test('a join closes the range so far first, so that its cursor is exact', async (t) => {
  const driver = new KernelDriver();
  const books = new LaneBooks();
  driver.open(0, START);
  driver.add('a', channelId(1), ODD);
  books.read(driver.run([{ offset: 10, value: encodeEvent(2) }]).envelopes);
  driver.add('a', channelId(2), ALL);
  const { envelopes } = driver.run();
  t.same(
    envelopes.map(({ from, to, joined }) => [from.offset, to.offset, joined.length]),
    [
      [9, 10, 0],
      [10, 10, 1],
    ],
  );
  books.read(envelopes);
  t.same(books.faults, []);
});

t.test('a partition that is opened tells each lane all of its channels in its first envelope', async (t) => {
  const driver = new KernelDriver();
  driver.add('a', channelId(1), ALL);
  driver.add('a', channelId(2), EVEN);
  driver.add('b', channelId(3), ALL, 1, 8);
  driver.open(0, START, 7, 4);
  const { envelopes } = driver.run();
  t.equal(envelopes.length, 1, 'a lane without interest in the topic hears nothing');
  t.match(envelopes[0], { lane: 'a', epoch: 4, from: START, to: START });
  t.equal(envelopes[0]?.joined.length, 2);
});

t.test(
  'a lane that was dropped, and a channel that was removed, get nothing; an older removal does nothing',
  async (t) => {
    const driver = new KernelDriver();
    driver.open(0, START);
    driver.add('a', channelId(1), ALL, 3);
    driver.add('b', channelId(1), ALL, 1);
    driver.kernel.applyDelta({ kind: 'remove', lane: 'a', channel: channelId(1), generation: 2 });
    driver.kernel.applyDelta({ kind: 'remove', lane: 'a', channel: channelId(9), generation: 2 });
    driver.kernel.applyDelta({ kind: 'drop-lane', lane: 'b' });
    const lanes = driver.run([{ offset: 10, value: encodeEvent(1) }]).envelopes.map(({ lane }) => lane);
    t.same(new Set(lanes), new Set(['a']));
    driver.kernel.applyDelta({ kind: 'close', slot: 0 });
    t.same(driver.run([{ offset: 11, value: encodeEvent(1) }], true).envelopes, [], 'a closed partition is silent');
  },
);

t.test('each way in which a record can be bad has its code, and the next record is delivered', async (t) => {
  const driver = new KernelDriver();
  driver.open(0, START);
  driver.add('a', channelId(1), ALL);
  driver.kernel.applyDelta({ kind: 'schema', schemaId: 5, text: '"string"' });
  driver.kernel.applyDelta({ kind: 'schema', schemaId: 6, text: '{"type":"record"}' });
  const good = encodeEvent(1);
  const values = [
    Buffer.from('{}'),
    Uint8Array.from([0, 0, 0, 0, 99, 2]),
    Uint8Array.from([0, 0, 0, 0, 5, 2, 65]),
    Uint8Array.from([0, 0, 0, 0, 6, 2]),
    good.subarray(0, 5),
    Buffer.concat([good, good]),
    Uint8Array.from([0, 0, 0, 0, 1, 255, 255, 255, 255, 127]),
    null,
    good,
  ];
  const { rejects, envelopes } = driver.run(values.map((value, i) => ({ offset: 10 + i, value })));
  t.same(
    rejects.map(({ record, code }) => [record, code]),
    [
      [0, 'MDS_RECORD_NOT_FRAMED'],
      [1, 'MDS_SCHEMA_UNKNOWN_ID'],
      [2, 'MDS_SCHEMA_NOT_RECORD'],
      [3, 'MDS_SCHEMA_INVALID'],
      [4, 'MDS_RECORD_TRUNCATED'],
      [5, 'MDS_RECORD_TRAILING_BYTES'],
      [6, 'MDS_RECORD_CORRUPT'],
    ],
  );
  t.same(
    envelopes.at(-1)?.events.map(({ cursor }) => cursor.offset),
    [18],
  );
});

t.test(
  'a record whose output alone is beyond the limit is a reject; one below it gets the room it needs',
  async (t) => {
    const text = 't'.repeat(500);
    const driver = new KernelDriver(600, { ...LIMITS, recordOutputBytes: 3000 });
    driver.open(0, START);
    driver.add('a', channelId(1), ALL);
    const { rejects, envelopes } = driver.run([
      { offset: 10, value: encodeBatch([1, 2, 3, 4], text) },
      { offset: 11, value: encodeBatch([1, 2, 3, 4, 5, 6, 7], text) },
      { offset: 12, value: encodeEvent(1, text) },
    ]);
    t.same(
      rejects.map(({ record, code }) => [record, code]),
      [[1, 'MDS_RECORD_TOO_LARGE']],
    );
    t.same(
      envelopes.flatMap(({ events }) => events.map(({ cursor }) => cursor.offset)),
      [10, 10, 10, 10, 12],
    );
  },
);

t.test('a plan that cannot be read is reported once, and the others go on', async (t) => {
  const driver = new KernelDriver();
  driver.open(0, START);
  driver.add('a', channelId(1), {});
  driver.add('a', channelId(2), ALL);
  const first = driver.run([{ offset: 10, value: encodeEvent(1) }]);
  t.match(first.failures, [{ channel: channelId(1), schemaId: 1, message: /plan/ }]);
  t.equal(first.matchCount, 1);
  t.same(driver.run([{ offset: 11, value: encodeEvent(1) }]).failures, []);
});

t.test('a hole in Kafka shows in every lane as a range it never got', async (t) => {
  const driver = new KernelDriver();
  driver.open(0, START);
  driver.add('a', channelId(1), ALL);
  driver.run();
  driver.kernel.applyDelta({ kind: 'skip', slot: 0, from: beforeRecord(50) });
  const { envelopes } = driver.run([{ offset: 50, value: encodeEvent(1) }]);
  t.match(envelopes, [{ from: beforeRecord(50), to: afterRecord(50) }]);
});

t.test('a replay begins and ends inside batch records, tells no joins, and skips what lies beyond', async (t) => {
  const driver = new KernelDriver();
  driver.add('a', channelId(1), ALL);
  driver.kernel.applyDelta({
    kind: 'open',
    slot: 0,
    topicId: 7,
    partition: 3,
    epoch: 0,
    from: { offset: 5, index: 1 },
    replay: { requestId: 77, topicId: 8, until: { offset: 6, index: 0 } },
  });
  const records = [5, 6, 7].map((offset) => ({ offset, value: encodeBatch([0, 1, 2]) }));
  const { envelopes } = driver.run(records, true);
  t.equal(envelopes.length, 1);
  t.match(envelopes[0], {
    kind: 'replay',
    topicId: 8,
    requestId: 77,
    epoch: 0,
    joined: [],
    from: { offset: 5, index: 1 },
    to: { offset: 6, index: 0 },
  });
  t.same(
    envelopes[0]?.events.map(({ cursor }) => [cursor.offset, cursor.index]),
    [
      [5, 2],
      [6, 0],
    ],
  );
});
