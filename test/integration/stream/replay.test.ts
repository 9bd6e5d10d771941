import t, { type Test } from 'tap';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { END_OF_RECORD } from '../../../schemas/cursor.ts';
import { acquireStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { deleteRecords } from './delete-records.ts';
import { type PlayedChannel, PlayedEdge } from './played-edge.ts';
import { anEvent, avsSchema, encoder, Stage } from './stage.ts';

t.setTimeout(180_000);
const stack = await acquireStack();
const stage = await Stage.start(stack);
t.teardown(async () => {
  await stage.stop();
  await stack.release();
});
const edge = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge1');
t.teardown(() => edge.stop());
await stage.aWorker('w1');

let nextRequest = 1;
interface Range {
  readonly partition: number;
  readonly from: [number, number];
  readonly to: [number, number];
}

/** Asks, waits for the last envelope of each partition, checks that the ranges have no hole, and gives the cursors. */
async function replayed(
  t: Test,
  topic: CatalogTopic,
  { channel, plan }: PlayedChannel,
  ranges: Range[],
  maxBytes = 1 << 20,
) {
  const requestId = nextRequest++;
  await edge.replay({ requestId, topicId: topic.topicId, channels: [{ channel, plan }], ranges, maxBytes });
  const ends = () => edge.replayEnvelopes(requestId).filter(({ last }) => last);
  await until(
    'the replay to end',
    40_000,
    () => ends().length === ranges.length,
    () => edge.replayEnvelopes(requestId),
  );
  const envelopes = edge.replayEnvelopes(requestId);
  for (const { partition, from } of ranges) {
    let at = { offset: from[0], index: from[1] };
    for (const envelope of envelopes.filter((one) => one.partition === partition)) {
      t.same(envelope.from, at, 'contiguous');
      t.same([envelope.epoch, envelope.joined.length], [0, 0]);
      at = envelope.to;
    }
  }
  const cursors = envelopes.flatMap(({ partition, events }) =>
    events.map(({ cursor }) => [partition, cursor.offset, cursor.index]),
  );
  return { envelopes, cursors, ends: ends() };
}

t.test('ranges are replayed exactly, also from inside one batch record to inside another', async (t) => {
  const topic = await stage.aTopic(2);
  const batch = {
    ...avsSchema('MonitoringEventBatch'),
    fields: [{ name: 'events', type: { type: 'array', items: avsSchema('MonitoringEvent') } }],
  };
  const encode = encoder(await stage.register(topic, batch, 'batch'), batch);
  for (let offset = 0; offset < 6; offset++) {
    for (const partition of [0, 1]) {
      await stage.produce(topic, partition, encode({ events: [0, 1, 2, 3].map((value) => anEvent({ value })) }));
    }
  }
  const channel = await edge.want(topic, { filter: 'value != 2.0' });
  const { cursors, ends } = await replayed(t, topic, channel, [
    { partition: 0, from: [1, 1], to: [3, 1] },
    { partition: 1, from: [4, END_OF_RECORD], to: [5, END_OF_RECORD] },
  ]);
  t.same(
    cursors.filter(([partition]) => partition === 0),
    [
      [0, 1, 3],
      [0, 2, 0],
      [0, 2, 1],
      [0, 2, 3],
      [0, 3, 0],
      [0, 3, 1],
    ],
  );
  t.same(
    cursors.filter(([partition]) => partition === 1),
    [
      [1, 5, 0],
      [1, 5, 1],
      [1, 5, 3],
    ],
  );
  t.same(ends.map(({ partition, to }) => [partition, to.offset, to.index]).sort(), [
    [0, 3, 1],
    [1, 5, END_OF_RECORD],
  ]);

  const empty = await replayed(t, topic, channel, [{ partition: 0, from: [3, 1], to: [3, 1] }]);
  t.same([empty.cursors, empty.envelopes.length], [[], 1], 'an empty range is answered at once');
  const beyond = await replayed(t, topic, channel, [
    { partition: 0, from: [4, END_OF_RECORD], to: [50, END_OF_RECORD] },
  ]);
  t.same(beyond.cursors, [
    [0, 5, 0],
    [0, 5, 1],
    [0, 5, 3],
  ]);
  t.same(beyond.ends[0]?.to, { offset: 5, index: END_OF_RECORD }, 'no further than Kafka has records');
});

t.test('an answer that is long enough stops, and the next request goes on from there', async (t) => {
  const topic = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  await Promise.all(
    Array.from({ length: 3000 }, () => stage.produce(topic, 0, encode(anEvent({ message: 'm'.repeat(100) })))),
  );
  const channel = await edge.want(topic);
  const got: number[] = [];
  let from: [number, number] = [-1, END_OF_RECORD];
  let requests = 0;
  while (from[0] < 2999) {
    const { cursors, ends } = await replayed(t, topic, channel, [{ partition: 0, from, to: [2999, 0] }], 100_000);
    got.push(...cursors.map(([, offset]) => offset ?? -1));
    const to = ends[0]?.to;
    if (!to || requests++ > 50) throw new Error('the replay does not get on');
    from = [to.offset, to.index];
  }
  t.ok(requests > 2, `${requests} requests`);
  t.same(
    got,
    Array.from({ length: 3000 }, (_, i) => i),
  );
});

t.test('a range that Kafka has dropped is answered as expired, and the rest is replayed', async (t) => {
  const topic = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  for (let i = 0; i < 20; i++) await stage.produce(topic, 0, encode(anEvent()));
  await deleteRecords(stage.env.MDS_KAFKA_BROKERS ?? '', topic.kafkaTopic, 0, 12);
  const channel = await edge.want(topic);
  const { cursors, envelopes } = await replayed(t, topic, channel, [
    { partition: 0, from: [2, 0], to: [19, END_OF_RECORD] },
  ]);
  t.equal(envelopes[0]?.expired, true);
  t.same(envelopes[0]?.to, { offset: 11, index: END_OF_RECORD });
  t.same(
    cursors.map(([, offset]) => offset),
    [12, 13, 14, 15, 16, 17, 18, 19],
  );
  const all = await replayed(t, topic, channel, [{ partition: 0, from: [0, 0], to: [5, 0] }]);
  t.same(
    all.envelopes.map(({ expired, last, to }) => [expired, last, to]),
    [[true, true, { offset: 5, index: 0 }]],
    'all of it is gone',
  );
});

t.test('a partition whose next record Kafka has dropped goes on behind the hole, and the lane sees it', async (t) => {
  const topic = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  const second = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge2');
  t.teardown(() => second.stop());
  await stage.applied('w1', await stage.assign('w1', stage.all(topic, 1)), 1);
  const channel = await second.want(topic);
  await second.joined(channel, 1);
  for (let i = 0; i < 5; i++) await stage.produce(topic, 0, encode(anEvent()));
  await until('the events', 40_000, () => channel.deliveries.length === 5);
  await stage.applied('w1', await stage.assign('w1', []), 0);
  for (let i = 0; i < 15; i++) await stage.produce(topic, 0, encode(anEvent()));
  await deleteRecords(stage.env.MDS_KAFKA_BROKERS ?? '', topic.kafkaTopic, 0, 12);
  await stage.applied('w1', await stage.assign('w1', stage.all(topic, 2)), 1);
  await until('the rest', 40_000, () => channel.deliveries.length === 13);
  t.same(second.gaps, ['partition 0: 4 to 11'], 'the hole is seen');
  t.same(
    channel.deliveries.map(({ offset }) => offset),
    [0, 1, 2, 3, 4, 12, 13, 14, 15, 16, 17, 18, 19],
  );
});

t.test(
  'requests that are late, unreadable or about nothing there is are not answered, and the next one is',
  async (t) => {
    const topic = await stage.aTopic(1);
    const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
    await stage.produce(topic, 0, encode(anEvent()));
    const channel = await edge.want(topic);
    const range = { partition: 0, from: [-1, END_OF_RECORD], to: [0, 0] } as never;
    const base = {
      requestId: 900,
      topicId: topic.topicId,
      channel: channel.channel,
      plan: channel.plan,
      ranges: [range],
      maxBytes: 1000,
    };
    const push = (request: unknown) => stage.redis.lpush(stage.keys.replay, JSON.stringify(request));
    await push('nonsense');
    await push({ ...base, edgeId: 'edge1', deadlineMs: 1 });
    await push({ ...base, edgeId: 'edge1', deadlineMs: Date.now() + 60_000, topicId: 9999 });
    await push({
      ...base,
      edgeId: 'edge1',
      deadlineMs: Date.now() + 60_000,
      ranges: [{ partition: 5, from: [0, 0], to: [1, 0] }],
    });
    const { cursors } = await replayed(t, topic, channel, [range]);
    t.same(cursors, [[0, 0, 0]]);
    t.same(edge.replayEnvelopes(900), []);
  },
);
