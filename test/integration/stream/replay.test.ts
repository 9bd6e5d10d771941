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
const played = await stage.aWorker('w1');

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

/** Asks for a repair and waits for the last envelope of each partition. */
async function repaired(of: PlayedEdge, topic: CatalogTopic, ranges: Range[]) {
  const requestId = nextRequest++;
  await of.replay({ requestId, topicId: topic.topicId, channels: 'interest', ranges, maxBytes: 1 << 20 });
  const answer = () => of.replayEnvelopes(requestId);
  await until(
    'the repair to end',
    40_000,
    () => answer().filter(({ last }) => last).length === ranges.length,
    () => answer().map(({ partition, from, to, last }) => [partition, from, to, last]),
  );
  const firstOf = (partition: number) => answer().find((envelope) => envelope.partition === partition);
  return { envelopes: answer(), firstOf };
}
const namesOf = (channels: readonly PlayedChannel[]) =>
  channels.map(({ channel, generation }) => ({ channel, generation })).sort((a, b) => (a.channel < b.channel ? -1 : 1));
const sorted = <T extends { channel: string }>(names: readonly T[] = []) =>
  [...names].sort((a, b) => (a.channel < b.channel ? -1 : 1));
const refsOf = (envelopes: Awaited<ReturnType<typeof repaired>>['envelopes'], { channel }: PlayedChannel) =>
  envelopes.flatMap(({ partition, events, channels }) =>
    channels
      .filter((one) => one.channel === channel)
      .flatMap(({ refs }) => Array.from(refs, (ref) => [partition, events[ref]?.cursor.offset])),
  );

t.test('a repair runs all channels of the edge, and each partition begins by naming them', async (t) => {
  const topic = await stage.aTopic(3);
  const other = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  for (const partition of [0, 1]) {
    for (let value = 0; value < 6; value++) await stage.produce(topic, partition, encode(anEvent({ value })));
  }
  // No worker was told of this edge; what it wants stands in Redis.
  const unknown = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge-unknown');
  t.teardown(() => unknown.stop());
  await unknown.want(other, {}, false);
  const low = await unknown.want(topic, { filter: 'value < 2.0' }, false);
  const high = await unknown.want(topic, { filter: 'value > 3.0' }, false);
  const never = await unknown.want(topic, { filter: 'host == "nowhere"' }, false);
  const { envelopes, firstOf } = await repaired(unknown, topic, [
    { partition: 0, from: [0, END_OF_RECORD], to: [4, END_OF_RECORD] },
    { partition: 1, from: [1, END_OF_RECORD], to: [3, END_OF_RECORD] },
    { partition: 2, from: [-1, END_OF_RECORD], to: [-1, END_OF_RECORD] },
  ]);
  for (const partition of [0, 1, 2]) {
    t.same(sorted(firstOf(partition)?.joined), namesOf([low, high, never]), `partition ${partition}`);
  }
  t.equal(envelopes.filter(({ joined }) => joined.length > 0).length, 3, 'and says it once');
  t.same(refsOf(envelopes, low), [[0, 1]]);
  t.same(refsOf(envelopes, high), [[0, 4]]);
  t.same(
    envelopes
      .filter(({ last }) => last)
      .map(({ partition, to }) => [partition, to.offset])
      .sort(),
    [
      [0, 4],
      [1, 3],
      [2, -1],
    ],
  );
});

t.test('what an edge wants by the time of its repair is run, though the worker was not told', async (t) => {
  const topic = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  await stage.produce(topic, 0, encode(anEvent()));
  const first = await edge.want(topic);
  const second = await edge.want(topic, { filter: 'value > 1.0' }, false);
  const { firstOf, envelopes } = await repaired(edge, topic, [{ partition: 0, from: [-1, END_OF_RECORD], to: [0, 0] }]);
  t.same(sorted(firstOf(0)?.joined), namesOf([first, second]));
  t.same(refsOf(envelopes, second), [[0, 0]]);
});

t.test('a repair of a range that Kafka has dropped names its channels too', async (t) => {
  const topic = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  for (let i = 0; i < 10; i++) await stage.produce(topic, 0, encode(anEvent()));
  await deleteRecords(stage.env.MDS_KAFKA_BROKERS ?? '', topic.kafkaTopic, 0, 6);
  const channel = await edge.want(topic);
  const { firstOf, envelopes } = await repaired(edge, topic, [{ partition: 0, from: [2, 0], to: [8, 0] }]);
  t.match(firstOf(0), { expired: true, last: false, from: { offset: 2 }, to: { offset: 5 } });
  t.same(sorted(firstOf(0)?.joined), namesOf([channel]));
  t.same(refsOf(envelopes, channel), [
    [0, 6],
    [0, 7],
    [0, 8],
  ]);
});

t.test('a repair runs over hundreds of channels, and each gets its own', async (t) => {
  const topic = await stage.aTopic(1);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  const count = 500;
  const many = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge-many');
  t.teardown(() => many.stop());
  const channels = await many.wantAll(
    topic,
    Array.from({ length: count }, (_, i) => `value == ${i}.0`),
  );
  await Promise.all(Array.from({ length: count }, (_, value) => stage.produce(topic, 0, encode(anEvent({ value })))));
  const { firstOf, envelopes } = await repaired(many, topic, [
    { partition: 0, from: [-1, END_OF_RECORD], to: [count - 1, END_OF_RECORD] },
  ]);
  t.same(sorted(firstOf(0)?.joined), namesOf(channels));
  const wrong = channels.filter((channel) => refsOf(envelopes, channel).length !== 1);
  t.same(wrong, [], 'one event for each channel');
});

t.test('requests over one range are answered from one reading, and each gets what it asked for only', async (t) => {
  const topic = await stage.aTopic(2);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  for (let value = 0; value < 20; value++) {
    for (const partition of [0, 1]) await stage.produce(topic, partition, encode(anEvent({ value })));
  }
  const second = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge-second');
  t.teardown(() => second.stop());
  const all = await edge.want(topic);
  const small = await edge.want(topic, { filter: 'value < 8.0' });
  const ofSecond = await second.want(topic, { filter: 'value >= 8.0' });
  const base = { topicId: topic.topicId, deadlineMs: Date.now() + 30_000, maxBytes: 1 << 20 };
  const [whole, part, adjoining, repair, short] = [
    nextRequest++,
    nextRequest++,
    nextRequest++,
    nextRequest++,
    nextRequest++,
  ];
  const wish = ({ channel, plan }: PlayedChannel) => [{ channel, plan }];
  const before = await mergedCount();
  // In one transaction, so that they wait together.
  const requests = [
    { ...base, edgeId: 'edge1', requestId: whole, channels: wish(all), ranges: [range(0, -1, 19), range(1, -1, 19)] },
    { ...base, edgeId: 'edge1', requestId: part, channels: wish(small), ranges: [range(0, 4, 11)] },
    { ...base, edgeId: 'edge1', requestId: adjoining, channels: wish(all), ranges: [range(1, 11, 15)] },
    { ...base, edgeId: 'edge-second', requestId: repair, channels: 'interest', ranges: [range(0, 2, 9)] },
    { ...base, edgeId: 'edge1', requestId: short, channels: wish(all), ranges: [range(0, -1, 19)], maxBytes: 1 },
  ];
  await stage.redis.lpush(stage.keys.replay, ...requests.map((request) => JSON.stringify(request)));
  const lasts = (of: PlayedEdge, requestId: number) => of.replayEnvelopes(requestId).filter(({ last }) => last);
  await until(
    'all answers',
    40_000,
    () =>
      [whole, part, adjoining, short].every((id) => lasts(edge, id).length > 0) &&
      lasts(edge, whole).length === 2 &&
      lasts(second, repair).length === 1,
  );
  const offsets = (of: PlayedEdge, requestId: number, partition: number) =>
    of
      .replayEnvelopes(requestId)
      .filter((envelope) => envelope.partition === partition)
      .flatMap(({ events }) => events.map(({ cursor }) => cursor.offset));
  const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
  t.same(offsets(edge, whole, 0), from(0, 19));
  t.same(offsets(edge, whole, 1), from(0, 19));
  t.same(offsets(edge, part, 0), from(5, 7), 'its filter and its range');
  t.same(offsets(edge, adjoining, 1), from(12, 15));
  t.same(offsets(second, repair, 0), from(8, 9));
  t.same(sorted(second.replayEnvelopes(repair)[0]?.joined), namesOf([ofSecond]));
  t.ok(lasts(edge, short)[0]?.last, 'an answer with a small limit ends by itself');
  const channelsOf = (of: PlayedEdge, requestId: number) =>
    new Set(of.replayEnvelopes(requestId).flatMap(({ channels }) => channels.map(({ channel }) => channel)));
  t.same(channelsOf(edge, whole), new Set([all.channel]));
  t.same(channelsOf(edge, part), new Set([small.channel]));
  t.same(channelsOf(second, repair), new Set([ofSecond.channel]));
  t.equal((await mergedCount()) - before, 4, 'one reading for five requests');
});

const range = (partition: number, from: number, to: number): Range => ({
  partition,
  from: [from, END_OF_RECORD],
  to: [to, END_OF_RECORD],
});
async function mergedCount(): Promise<number> {
  const [merged] =
    (await played.metrics.registry.getSingleMetric('mds_stream_replays_merged_total')?.get())?.values ?? [];
  return merged?.value ?? 0;
}
