import t from 'tap';
import { CLOSE_CODES } from '../../../../schemas/close-codes.ts';
import type { CatalogTopic } from '../../../../schemas/coordination.ts';
import type { Cursor } from '../../../../schemas/cursor.ts';
import { MdsError } from '../../../../schemas/errors.ts';
import { decodeResumeToken } from '../../../../schemas/resume-token.ts';
import { frameOutput } from '../../../../workers/edge/client-output.ts';
import { PassingSubscription } from '../../../../workers/edge/overflow/passing-subscription.ts';
import { CHANNEL } from '../gathering.ts';
import { type Matching, WatchedClient } from './watched-client.ts';

const LOW_WATER_BYTES = 2000;
const TOPIC: CatalogTopic = {
  topicId: 7,
  tenant: 'default',
  name: 'events',
  kafkaTopic: 'events',
  deadLetterTopic: 'events.dead',
  partitions: 2,
  schemaId: 1,
  schema: '{}',
};
/** With what the grants of its identity demand. */
const PLAN = {
  plan: { v: 1, filter: 'n > 1 && mine', fields: null, format: 'json', inputs: [] },
  channel: CHANNEL,
  cost: 1,
} as const;
const at = (offset: number, index = 0): Cursor => ({ offset, index });

function setUp() {
  const matching: Matching[] = [];
  const client = new WatchedClient(matching);
  const options = { lowWaterBytes: LOW_WATER_BYTES, now: () => 5 };
  const subscription = new PassingSubscription(options, client, frameOutput(client), {
    id: 's',
    topic: TOPIC,
    plan: PLAN,
    filter: 'n > 1',
    assertReads: () => {},
  });
  const start = (replaying = false) => {
    subscription.onStart(
      new Map([
        [0, at(-1)],
        [1, at(-1)],
      ]),
      replaying,
    );
    return subscription;
  };
  /** So many events, one a record, behind an offset. */
  const give = (partition: number, from: number, count: number) => {
    const events = Array.from({ length: count }, (_, i) => {
      const cursor = at(from + 1 + i);
      matching.push({ partition, cursor, key: `${cursor.offset}` });
      return { cursor, bytes: Buffer.from(JSON.stringify({ k: `${cursor.offset}` })) };
    });
    const to = at(from + count + 1); // and one behind them that does not match
    const times = { recordMs: 1, publishedMs: 2, byteLength: 10 * count };
    subscription.onEvents({ partition, from: at(from), to, ...times, events });
  };
  const typesOf = (): string[] => client.frames.map(({ type }) => type);
  return { client, subscription, start, give, typesOf };
}

t.test('all that comes is passed on, each range whole and in order', (t) => {
  const { client, start, give, typesOf } = setUp();
  start();
  give(0, -1, 3);
  give(1, -1, 1);
  give(0, 3, 2);
  t.same(typesOf(), ['subscribed', 'events', 'events', 'events']);
  t.same(
    client.sent.map(({ partition, cursor }) => `${partition}:${cursor.offset}`),
    ['0:0', '0:1', '0:2', '1:0', '0:4', '0:5'],
  );
  t.same(client.complaints, []);
  t.end();
});

t.test('its client is told what it asked for, an operator what is planned', (t) => {
  const { client, start, give } = setUp();
  const subscription = start();
  const [first] = client.frames;
  t.match(first, { type: 'subscribed', topic: 'events', filter: 'n > 1', partitions: 2, replaying: false });
  if (first?.type === 'subscribed') t.equal(decodeResumeToken(first.position).topicId, 7);
  give(0, -1, 4);
  t.match(subscription.view(), {
    topic: 'events',
    filter: 'n > 1 && mine',
    deliveredEvents: 4,
    droppedEvents: 0,
    latencyMs: 4,
  });
  t.end();
});

t.test('a replay waits for room, live events do not', (t) => {
  const { client, start, give, typesOf } = setUp();
  const subscription = start(true);
  t.ok(client.isAwaitingRoom);
  client.bufferedBytes = LOW_WATER_BYTES - 1;
  t.notOk(subscription.isFull);
  client.bufferedBytes = LOW_WATER_BYTES;
  t.ok(subscription.isFull, 'nothing of a replay is given now');
  give(0, -1, 1);
  t.same(typesOf(), ['subscribed', 'events']);
  t.end();
});

t.test('what its tenant cannot be given now is paused', (t) => {
  const { client, start } = setUp();
  const subscription = start();
  t.notOk(subscription.isPaused);
  client.isThrottled = true;
  t.ok(subscription.isPaused);
  t.end();
});

t.test('a position is told when it has changed and somebody reads it', (t) => {
  const { client, start, typesOf } = setUp();
  const subscription = start();
  const position = new Map([
    [0, at(9)],
    [1, at(4)],
  ]);
  client.bufferedBytes = LOW_WATER_BYTES;
  subscription.onPosition(position);
  t.same(typesOf(), ['subscribed']);
  client.bufferedBytes = 0;
  subscription.onPosition(position);
  subscription.onPosition(position);
  t.same(typesOf(), ['subscribed', 'position']);
  t.same(client.reached.get(0), at(9));
  t.end();
});

t.test('a range that will never come is told, with what it is', (t) => {
  const { client, start } = setUp();
  start().onLost({ partition: 1, from: at(-1), to: at(40), error: new MdsError('MDS_REPLAY_EXPIRED') });
  t.match(client.frames.at(-1), { type: 'gap', partition: 1, from: [-1, 0], to: [40, 0], code: 'MDS_REPLAY_EXPIRED' });
  t.end();
});

t.test('an error ends it once, and nothing is given behind it', (t) => {
  const { client, start, give, typesOf } = setUp();
  const subscription = start();
  subscription.onEnd(new MdsError('MDS_TOPIC_UNKNOWN', { topic: 'events' }));
  subscription.onEnd(null);
  give(0, -1, 1);
  t.same(typesOf(), ['subscribed', 'error']);
  t.match(client.frames.at(-1), { code: 'MDS_TOPIC_UNKNOWN', retryable: false });
  t.ok(subscription.isEnded && client.isEnded);
  t.end();
});

t.test('a hole in the stream closes its client, which resumes', (t) => {
  const { client, start, typesOf } = setUp();
  start().onEnd(new MdsError('MDS_GAP', { topic: 'events' }));
  t.equal(client.closedWith, CLOSE_CODES.GAP);
  t.same(typesOf(), ['subscribed']);
  t.end();
});

t.test('its end at the wish of its client says nothing', (t) => {
  const { start, typesOf } = setUp();
  const subscription = start();
  subscription.onEnd(null);
  t.ok(subscription.isEnded);
  t.same(typesOf(), ['subscribed']);
  t.end();
});
