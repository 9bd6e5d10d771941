import t from 'tap';
import type { ServerFrame } from '../../../schemas/frames.ts';
import { OPEN_IDENTITY } from '../../../schemas/identity/identity.ts';
import { Connection, type ConnectionContext, type Socket } from '../../../workers/edge/connection.ts';
import { Outgoing } from '../../../workers/edge/outgoing.ts';
import { anAccount } from './an-identity.ts';

const flushed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(
  subscribe: ConnectionContext['subscribe'] = () => {
    throw new TypeError('a bug');
  },
  identity = OPEN_IDENTITY,
  more: Partial<ConnectionContext> = {},
  account = anAccount(),
) {
  const world = {
    sent: [] as ServerFrame[],
    corks: 0,
    buffered: 0,
    ended: null as number | null,
    unexpected: [] as unknown[],
  };
  const socket: Socket = {
    send: (frame) => {
      world.sent.push(JSON.parse(String(frame)));
      return world.buffered === 0 ? 1 : 0;
    },
    getBufferedAmount: () => world.buffered,
    cork: (send) => {
      world.corks += 1;
      send();
    },
    end: (code) => {
      world.ended = code;
    },
  };
  const context: ConnectionContext = {
    edgeId: 'e',
    limits: {
      maxSubscriptions: 2,
      maxMessageBytes: 200,
      messagesPerSecond: 10,
      messageBurst: 10,
      acknowledgementsPerSecond: 10,
      compresses: false,
      maxBufferedBytes: 1000,
      reconnectSpreadMs: 100,
    },
    heartbeatMs: 1,
    outgoing: new Outgoing(),
    subscribe,
    unsubscribe: () => {},
    authenticate: async () => OPEN_IDENTITY,
    takeTurn: (_tenant, work) => {
      work();
      return true;
    },
    wallClock: () => 1000,
    now: () => 0,
    random: () => 0.5,
    onBehind: () => {},
    onClosing: () => {},
    onClosed: () => {},
    onBytes: () => {},
    onError: () => {},
    onUnexpected: (error) => {
      world.unexpected.push(error);
      return 'ref1';
    },
    ...more,
  };
  return { world, connection: new Connection(context, socket, { number: 1, format: 'json', identity, account }) };
}

t.test('frames of one moment are written together', async (t) => {
  const { world, connection } = setUp();
  connection.welcome();
  connection.onMessage(Buffer.from('{"type":"ping"}'), false);
  await flushed();
  t.match(world, { corks: 1, sent: [{ type: 'welcome' }, { type: 'pong' }] });
});

t.test('a client behind its limit gets a goodbye and not one frame more, even if it reads again', async (t) => {
  const { world, connection } = setUp();
  world.buffered = 1001;
  connection.send('{"type":"pong","id":"not taken by the network"}');
  await flushed();
  connection.send('{"type":"pong","id":"missed"}');
  world.buffered = 0;
  connection.send('{"type":"pong","id":"later"}');
  await flushed();
  const goodbye = { type: 'goodbye', code: 'MDS_SLOW_CONSUMER', reconnectAfterMs: 50 };
  t.match(world, { ended: 4001, sent: [{ type: 'pong' }, goodbye] });
  t.equal(world.sent.length, 2);
});

t.test('much at once is offered to the network before the client counts as slow', async (t) => {
  const { world, connection } = setUp();
  for (let i = 0; i < 4; i++) connection.send(JSON.stringify('x'.repeat(60_000)));
  await flushed();
  t.match(world, { ended: null, sent: { length: 4 } });
});

t.test('an error that is none of the closed list is logged and answered by its reference', async (t) => {
  const { world, connection } = setUp();
  connection.onMessage(Buffer.from('{"type":"subscribe","id":"a","topic":"t"}'), false);
  await flushed();
  t.match(world.sent, [{ type: 'error', id: 'a', code: 'MDS_INTERNAL', details: { reference: 'ref1' } }]);
  t.match(world.unexpected, [TypeError]);
});

t.test('nothing is read from or sent to a connection that is closed', async (t) => {
  const { world, connection } = setUp();
  connection.onSocketClosed();
  connection.onMessage(Buffer.from('{"type":"ping"}'), false);
  connection.welcome();
  await flushed();
  t.match(world, { sent: [], ended: null });
  t.equal(connection.bufferedBytes, 0);
});

t.test(
  'acknowledgements have a limit of their own, which is higher; what is no message counts as a message',
  async (t) => {
    const taken: unknown[] = [];
    const { world, connection } = setUp(() => ({
      id: 's',
      isEnded: false,
      wantsRoom: false,
      view: () => {
        throw new Error('nobody looks at it');
      },
      advance: () => {},
      end: () => {},
      recheck: () => {},
      onAcknowledgement: (message) => taken.push(message),
    }));
    const say = (message: object): void => connection.onMessage(Buffer.from(JSON.stringify(message)), false);
    say({ type: 'consume', id: 's', subscription: 'x', consumer: 'y' });
    for (let seq = 0; seq < 40; seq++) say({ type: 'ack', id: 's', seq });
    t.equal(taken.length, 40);
    t.equal(world.ended, null);
    for (let i = 0; i < 9; i++) say({ type: 'dance' });
    t.equal(world.ended, null);
    say({ type: 'ping' });
    await flushed();
    t.equal(world.ended, 4502, 'ten messages besides');
    const other = setUp();
    for (let i = 0; i < 61; i++) other.connection.onMessage(Buffer.from('{"type":"ack","id":"s"}'), false);
    t.equal(other.world.ended, 4502, 'five seconds of acknowledgements and a burst of messages at once');
  },
);
