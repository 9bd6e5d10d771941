import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { parseClientMessage, parseServerFrame } from '../../schemas/frame-reader.ts';
import type { ClientMessage, ServerFrame } from '../../schemas/frames.ts';
import { anyChannel, anyText as anyUtf16, onlyThrows, RUNS, record } from './damage.ts';

const id = fc.string({ minLength: 1, maxLength: 128 });
const count = fc.maxSafeNat();
const wireCursor = fc.tuple(fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }), count);
const times = fc.tuple(count, count, count);
/** JSON as it comes back from a text: no -0, no null prototypes. */
const json = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)));

/** A record of which some members may be missing. */
const partly = <Shape extends object, Key extends keyof Shape>(
  shape: { [Name in keyof Shape]: fc.Arbitrary<Shape[Name]> },
  requiredKeys: Key[],
) => fc.record(shape, { requiredKeys, noNullPrototype: true });

const eventCursors = fc.array(fc.tuple(count, count, count), { maxLength: 4 });
const CLIENT_MESSAGES: readonly fc.Arbitrary<object>[] = [
  partly(
    {
      type: fc.constant('subscribe'),
      id,
      topic: fc.string({ minLength: 1 }),
      filter: fc.string(),
      fields: fc.array(fc.string()),
      resume: fc.string(),
      overflow: fc.constantFrom('resume', 'drop'),
      key: fc.array(fc.string(), { minLength: 1, maxLength: 8 }),
    },
    ['type', 'id', 'topic'],
  ),
  record({
    type: fc.constant('subscribe'),
    id,
    topic: fc.string({ minLength: 1 }),
    overflow: fc.constant('latest'),
    key: fc.array(fc.string(), { minLength: 1, maxLength: 8 }),
    maxRate: fc.double({ min: 0.1, max: 1_000_000, noNaN: true }),
  }),
  partly(
    {
      type: fc.constant('consume'),
      id,
      subscription: id,
      consumer: id,
      maxInFlight: fc.integer({ min: 1, max: 1000 }),
    },
    ['type', 'id', 'subscription', 'consumer'],
  ),
  partly({ type: fc.constant('ack'), id, seq: count, upTo: eventCursors, cursors: eventCursors }, ['type', 'id']),
  partly(
    {
      type: fc.constant('nack'),
      id,
      seq: count,
      cursors: eventCursors,
      reason: fc.string({ maxLength: 100 }),
      delayMs: count,
    },
    ['type', 'id', 'cursors'],
  ),
  record({ type: fc.constant('unsubscribe'), id }),
  partly({ type: fc.constant('ping'), id }, ['type']),
  record({ type: fc.constant('auth'), credential: fc.string({ minLength: 1, maxLength: 100 }) }),
];

const code = fc.constantFrom('MDS_SLOW_CONSUMER', 'MDS_REPLAY_EXPIRED');
const SERVER_FRAMES: Readonly<Record<ServerFrame['type'], fc.Arbitrary<object>>> = {
  welcome: partly(
    {
      type: fc.constant('welcome'),
      connection: fc.string(),
      edge: fc.string(),
      heartbeatMs: count,
      limits: record({ subscriptions: count, messageBytes: count, messagesPerSecond: count }),
      identity: record({ tenant: id, subject: id, expiresInMs: fc.option(count) }),
    },
    ['type', 'connection', 'edge', 'heartbeatMs', 'limits'],
  ),
  authenticate: record({ type: fc.constant('authenticate'), withinMs: count }),
  authenticated: record({
    type: fc.constant('authenticated'),
    tenant: id,
    subject: id,
    expiresInMs: fc.option(count),
  }),
  subscribed: record({
    type: fc.constant('subscribed'),
    id,
    channel: anyChannel,
    topic: fc.string(),
    filter: fc.string(),
    position: fc.string(),
    partitions: count,
    replaying: fc.boolean(),
  }),
  events: partly(
    {
      type: fc.constant('events'),
      channel: anyChannel,
      sub: fc.string(),
      partition: count,
      from: wireCursor,
      to: wireCursor,
      times,
      events: fc.array(record({ at: wireCursor, data: json }), { maxLength: 4 }),
      attempts: fc.array(count, { maxLength: 4 }),
    },
    ['type', 'channel', 'partition', 'from', 'to', 'times', 'events'],
  ),
  live: record({ type: fc.constant('live'), id }),
  position: record({ type: fc.constant('position'), id, token: fc.string() }),
  gap: record({
    type: fc.constant('gap'),
    id,
    partition: count,
    from: wireCursor,
    to: wireCursor,
    code,
    message: fc.string(),
  }),
  consuming: record({
    type: fc.constant('consuming'),
    id,
    subscription: fc.string(),
    name: fc.string(),
    topic: fc.string(),
    filter: fc.string(),
    state: fc.constantFrom('active', 'standby', 'paused'),
    shards: fc.array(count, { maxLength: 4 }),
    shardCount: count,
    ackTimeoutMs: count,
    maxInFlight: count,
  }),
  acked: record({ type: fc.constant('acked'), id, seq: count }),
  shed: record({
    type: fc.constant('shed'),
    id,
    partition: count,
    from: wireCursor,
    to: wireCursor,
    count,
    reason: fc.constantFrom('dropped', 'conflated'),
  }),
  unsubscribed: record({ type: fc.constant('unsubscribed'), id }),
  pong: partly({ type: fc.constant('pong'), id }, ['type']),
  error: partly(
    { type: fc.constant('error'), id, code, message: fc.string(), retryable: fc.boolean(), details: fc.constant({}) },
    ['type', 'code', 'message', 'retryable'],
  ),
  goodbye: record({
    type: fc.constant('goodbye'),
    code,
    message: fc.string(),
    reconnectAfterMs: count,
    edges: fc.array(fc.string()),
  }),
};

const anyClientMessage = fc.oneof(...CLIENT_MESSAGES);
const anyServerFrame = fc.oneof(...Object.values(SERVER_FRAMES));
const CLIENT_CODES = ['MDS_FRAME_CORRUPT', 'MDS_UNKNOWN_MESSAGE_TYPE', 'MDS_REQUEST_INVALID'] as const;
const readClient = (text: string) => onlyThrows(CLIENT_CODES, () => parseClientMessage(text));
const readServer = (text: string) => onlyThrows(['MDS_FRAME_CORRUPT'], () => parseServerFrame(text));

t.test('every message and frame is read back as it was', async () => {
  fc.assert(
    fc.property(anyClientMessage, (message) => {
      assert.deepEqual(parseClientMessage(JSON.stringify(message)), message);
    }),
    { numRuns: RUNS },
  );
  fc.assert(
    fc.property(anyServerFrame, (frame) => {
      assert.deepEqual(parseServerFrame(JSON.stringify(frame)), frame);
    }),
    { numRuns: 500 },
  );
});

t.test('every truncation is corrupt', async (t) => {
  for (const arbitrary of [...CLIENT_MESSAGES, ...Object.values(SERVER_FRAMES)]) {
    const [frame] = fc.sample(arbitrary, { numRuns: 1, seed: 4 });
    const text = JSON.stringify(frame);
    for (let length = 0; length < text.length; length++) {
      if (readServer(text.slice(0, length)) !== 'MDS_FRAME_CORRUPT') t.fail(text.slice(0, length));
      if (readClient(text.slice(0, length)) !== 'MDS_FRAME_CORRUPT') t.fail(text.slice(0, length));
    }
  }
});

t.test('a flipped bit, or any other text, is refused with a code or is a message of valid shape', async () => {
  const anyText = fc.oneof(
    anyUtf16,
    json.map((value) => JSON.stringify(value)),
    fc.tuple(fc.oneof(anyClientMessage, anyServerFrame), fc.nat(), fc.nat(7)).map(([frame, at, bit]) => {
      const bytes = Buffer.from(JSON.stringify(frame));
      const place = at % bytes.length;
      bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << bit), place);
      return bytes.toString('utf8');
    }),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      onlyThrows(CLIENT_CODES, () => useClientMessage(parseClientMessage(text)));
      onlyThrows(['MDS_FRAME_CORRUPT'], () => useServerFrame(parseServerFrame(text)));
    }),
    { numRuns: 2000 },
  );
});

t.test('a frame with a member missing, null or of another type is corrupt or has a valid shape', async () => {
  const other = fc.oneof(fc.constantFrom(undefined, null, '', -1, 0.5, 1e300, [], {}, [1], ['1', 2], true), json);
  fc.assert(
    fc.property(fc.oneof(anyClientMessage, anyServerFrame), fc.nat(), other, (frame, place, value) => {
      const keys = Object.keys(frame);
      const text = JSON.stringify({ ...frame, [keys[place % keys.length] ?? 'type']: value });
      onlyThrows(CLIENT_CODES, () => useClientMessage(parseClientMessage(text)));
      onlyThrows(['MDS_FRAME_CORRUPT'], () => useServerFrame(parseServerFrame(text)));
    }),
    { numRuns: 2000 },
  );
});

t.test('every required member of every frame is required', async (t) => {
  for (const [type, arbitrary] of Object.entries(SERVER_FRAMES)) {
    const frame: Record<string, unknown> = { ...fc.sample(arbitrary, { numRuns: 1, seed: 7 })[0] };
    for (const key of Object.keys(frame)) {
      if (
        ['sub', 'details', 'attempts', 'identity'].includes(key) ||
        (key === 'id' && (type === 'error' || type === 'pong'))
      )
        continue;
      const { [key]: _, ...rest } = frame;
      t.equal(readServer(JSON.stringify(rest)), 'MDS_FRAME_CORRUPT', `${type} without ${key}`);
    }
  }
});

t.test('all problems of a subscribe are told at once', async (t) => {
  const message = { type: 'subscribe', id: '', topic: 1, filter: null, fields: ['a', 2], resume: {}, overflow: 'x' };
  t.throws(() => parseClientMessage(JSON.stringify(message)), {
    code: 'MDS_REQUEST_INVALID',
    details: { problems: { length: 6 } },
  });
  t.equal(readClient('{"type":"unsubscribe"}'), 'MDS_REQUEST_INVALID');
  t.equal(readClient(`{"type":"ping","id":"${'x'.repeat(129)}"}`), 'MDS_REQUEST_INVALID');
});

t.test('an unknown type is an error for a client and ignored from an edge', async (t) => {
  t.throws(() => parseClientMessage('{"type":"shout"}'), {
    message: 'There is no message type "shout"; use auth, subscribe, consume, ack, nack, unsubscribe or ping.',
  });
  t.equal(readClient('{}'), 'MDS_UNKNOWN_MESSAGE_TYPE');
  t.equal(parseServerFrame('{"type":"later-version"}'), null);
  t.equal(parseServerFrame('{"type":"toString"}'), null);
  t.equal(readServer('{}'), 'MDS_FRAME_CORRUPT');
  t.equal(parseServerFrame('{"type":"live","id":"a","more":1}')?.type, 'live', 'members may be added');
});

// A type nested some thousand levels deep made JSON.stringify overflow the stack while the answer was worded, and that
// RangeError was no MdsError: any client could have ended the edge with one message.
t.test('a type nested 100,000 deep, or a very long one, is an ordinary unknown type', async (t) => {
  const depth = 100_000;
  t.equal(readClient(`{"type":${'['.repeat(depth)}${']'.repeat(depth)}}`), 'MDS_UNKNOWN_MESSAGE_TYPE');
  t.throws(() => parseClientMessage(`{"type":"${'x'.repeat(depth)}"}`), { message: /^.{100,200}$/ });
});

t.test('a token nested deep in other places is refused or read, too', async (t) => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  t.equal(readClient(`{"type":"subscribe","id":${deep},"topic":"a"}`), 'MDS_REQUEST_INVALID');
  t.equal(readServer(`{"type":"events","from":${deep}}`), 'MDS_FRAME_CORRUPT');
});

/** Uses a message as its type allows; throws a TypeError when the reader let something else through. */
function useClientMessage(message: ClientMessage): void {
  switch (message.type) {
    case 'subscribe':
      return void [message.id.length, message.topic.length, message.filter?.trim(), message.resume?.trim()].concat(
        message.fields?.map((field) => field.trim()),
      );
    case 'unsubscribe':
      return void message.id.trim();
    case 'ping':
      return void message.id?.trim();
  }
}

function useServerFrame(frame: ServerFrame | null): void {
  switch (frame?.type) {
    case 'welcome':
      return void [frame.connection.trim(), frame.limits.subscriptions.toFixed(), frame.heartbeatMs.toFixed()];
    case 'subscribed':
      return void [frame.id.trim(), frame.position.trim(), frame.filter.trim(), frame.topic.trim()];
    case 'events': {
      const [[offset, index], [recordMs]] = [frame.to, frame.times];
      return void [offset.toFixed(), index.toFixed(), recordMs.toFixed(), frame.sub?.trim()].concat(
        frame.events.map(({ at: [eventOffset, eventIndex] }) => eventOffset.toFixed() + eventIndex.toFixed()),
      );
    }
    case 'gap':
      return void [frame.from[0].toFixed(), frame.to[1].toFixed(), frame.message.trim(), frame.code.trim()];
    case 'error':
      return void [frame.code.trim(), frame.message.trim(), frame.id?.trim(), Object.keys(frame.details ?? {})];
    case 'goodbye':
      return void [frame.edges.map((edge) => edge.trim()), frame.reconnectAfterMs.toFixed(), frame.message.trim()];
    case 'position':
      return void [frame.id.trim(), frame.token.trim()];
    case 'live':
    case 'unsubscribed':
      return void frame.id.trim();
    case 'pong':
      return void frame.id?.trim();
    case undefined:
      return;
  }
}
