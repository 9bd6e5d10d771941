import t from 'tap';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { END_OF_RECORD } from '../../../schemas/cursor.ts';
import { acquireStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { type PlayedChannel, PlayedEdge } from './played-edge.ts';
import { anEvent, avsSchema, encoder, Stage } from './stage.ts';

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
  t: Tap.Test,
  topic: CatalogTopic,
  { channel, plan }: PlayedChannel,
  ranges: Range[],
  maxBytes = 1 << 20,
) {
  const requestId = nextRequest++;
  await edge.replay({ requestId, topicId: topic.topicId, channel, plan, ranges, maxBytes });
  const ends = () => edge.replayEnvelopes(requestId).filter(({ last }) => last);
  await until(
    'the replay to end',
    15_000,
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

import type Tap from 'tap';

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
  const topic = await stage.aTopic(1, undefined, {
    'segment.bytes': '1048576',
    'retention.bytes': '1',
    'file.delete.delay.ms': '100',
  });
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  const total = 2500;
  await Promise.all(
    Array.from({ length: total }, () => stage.produce(topic, 0, encode(anEvent({ message: 'm'.repeat(1000) })))),
  );
  const lowOffset = await until('Kafka to drop a segment', 60_000, async () => {
    const { lowOffset } = await stage.admin.queryWatermarkOffsets(topic.kafkaTopic, 0);
    return lowOffset > 0 ? lowOffset : null;
  });
  const channel = await edge.want(topic);
  const { cursors, envelopes } = await replayed(
    t,
    topic,
    channel,
    [{ partition: 0, from: [-1, END_OF_RECORD], to: [total - 1, END_OF_RECORD] }],
    1 << 30,
  );
  t.same(envelopes[0]?.expired, true);
  t.same(envelopes[0]?.to, { offset: lowOffset - 1, index: END_OF_RECORD });
  t.equal(cursors[0]?.[1], lowOffset);
  t.equal(cursors.length, total - lowOffset);
  const all = await replayed(t, topic, channel, [{ partition: 0, from: [0, 0], to: [5, 0] }]);
  t.same(
    all.envelopes.map(({ expired, last }) => [expired, last]),
    [[true, true]],
    'all of it is gone',
  );
  await t.test(
    'a live partition whose next record is gone goes on behind the hole, and the lane sees it',
    async (t) => {
      await stage.applied('w1', await stage.assign('w1', stage.all(topic, 1)), 1);
      await until('the rest to be dealt with', 20_000, async () => (await stage.committed(topic))[0] === total);
      t.pass();
    },
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
