import t from 'tap';
import type { ServerFrame } from '../../../schemas/frames.ts';
import { Connection } from '../../../workers/edge/connection.ts';
import { TokenBucket } from '../../../workers/edge/token-bucket.ts';

const flushed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(
  subscribe: () => never = () => {
    throw new TypeError('a bug');
  },
) {
  const world = {
    sent: [] as ServerFrame[],
    corks: 0,
    buffered: 0,
    ended: null as number | null,
    unexpected: [] as unknown[],
  };
  const connection = new Connection({
    id: 'c',
    edgeId: 'e',
    socket: {
      send: (frame) => void world.sent.push(JSON.parse(String(frame))),
      bufferedBytes: () => world.buffered,
      cork: (send) => {
        world.corks += 1;
        send();
      },
      end: (code) => {
        world.ended = code;
      },
    },
    limits: {
      maxSubscriptions: 2,
      maxMessageBytes: 200,
      messagesPerSecond: 10,
      maxBufferedBytes: 1000,
      reconnectSpreadMs: 100,
    },
    heartbeatMs: 1,
    bucket: new TokenBucket(10, 10, 0),
    subscribe,
    now: () => 0,
    random: () => 0.5,
    onClosing: () => {},
    onBytes: () => {},
    onUnexpected: (error) => {
      world.unexpected.push(error);
      return 'ref1';
    },
  });
  return { world, connection };
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
  connection.send('{"type":"pong","id":"missed"}');
  world.buffered = 0;
  connection.send('{"type":"pong","id":"later"}');
  await flushed();
  t.match(world, { ended: 4001, sent: [{ type: 'goodbye', code: 'MDS_SLOW_CONSUMER', reconnectAfterMs: 50 }] });
  t.equal(world.sent.length, 1);
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
