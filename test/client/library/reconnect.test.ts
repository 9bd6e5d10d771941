// How the client stays connected: backoff, close codes, goodbye, the watch for silence, and which edge comes next.

import t from 'tap';
import type { ClientState, ConnectOptions } from '../../../client/library/index.ts';
import { connect, type MdsError } from '../../../client/library/index.ts';
import type { GoodbyeFrame } from '../../../schemas/frames.ts';
import { aWorld, settle } from './fake-runtime.ts';

const EDGE = 'ws://edge-1.test/v1/stream';

async function aClient(options: Partial<ConnectOptions> = {}, world = aWorld()) {
  const states: ClientState[] = [];
  const source = options.api === undefined && options.urls === undefined ? { url: EDGE } : {};
  const client = connect({
    ...source,
    ...options,
    runtime: world.runtime,
    onStateChange: (state) => states.push(state),
  });
  await settle();
  return { client, states, ...world };
}

const aGoodbye = (overrides: Partial<GoodbyeFrame> = {}): GoodbyeFrame => ({
  type: 'goodbye',
  code: 'MDS_SHUTTING_DOWN',
  message: 'The edge stops.',
  reconnectAfterMs: 2000,
  edges: [],
  ...overrides,
});

t.test('a client is open once the edge has welcomed it', async (t) => {
  const { client, socket } = await aClient();
  t.equal(socket().url, EDGE);
  t.equal(socket().protocol, 'mds.v1.json');
  t.match(client.state, { state: 'connecting', url: EDGE });
  socket().welcome();
  t.match(client.state, { state: 'open', edge: 'edge-1' });
  client.close();
  t.match(client.state, { state: 'closed', error: null });
  t.equal(socket().closedWith, 1000);
});

t.test('an edge named by host alone is reached at its stream path', async (t) => {
  const { client, socket } = await aClient({ urls: ['ws://edge-9.test'] });
  t.equal(socket().url, EDGE.replace('edge-1', 'edge-9'));
  client.close();
});

t.test('a lost connection is tried again after a random share of a wait that doubles up to its maximum', async (t) => {
  const { client, states, clock, sockets, socket } = await aClient({ reconnect: { baseMs: 100, maxMs: 400 } });
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    socket().drop();
    const last = states.at(-1);
    if (last?.state !== 'waiting') throw new Error(`the client is ${last?.state}`);
    waits.push(last.retryInMs);
    t.equal(last.error.code, 'MDS_CONNECTION_LOST');
    clock.advance(last.retryInMs);
    await settle();
  }
  t.same(waits, [50, 100, 200, 200, 200]);
  t.equal(sockets.length, 6);
  client.close();
});

t.test('a connection that lived long makes the next wait short again, one that died young does not', async (t) => {
  const { client, states, clock, socket } = await aClient({ reconnect: { baseMs: 100, maxMs: 10_000 } });
  const lose = async (): Promise<number> => {
    socket().drop();
    const last = states.at(-1);
    const waitMs = last?.state === 'waiting' ? last.retryInMs : -1;
    clock.advance(waitMs);
    await settle();
    return waitMs;
  };
  socket().welcome();
  t.equal(await lose(), 50);
  socket().welcome();
  t.equal(await lose(), 100, 'a welcome alone proves little');
  socket().welcome({ heartbeatMs: 0 });
  clock.advance(10_000);
  t.equal(await lose(), 50);
  client.close();
});

t.test('codes 4000-4499 reconnect, 4500-4999 and 1000 and 1008 give up for good', async (t) => {
  for (const code of [1001, 1006, 1011, 4000, 4001, 4499]) {
    const { client, socket } = await aClient();
    socket().welcome();
    socket().drop(code);
    t.equal(client.state.state, 'waiting', `code ${code}`);
    client.close();
  }
  for (const code of [1000, 1008, 4500, 4503, 4999]) {
    const { client, socket, clock } = await aClient();
    socket().welcome();
    const subscription = client.subscribe({ topic: 'host.metrics' });
    socket().receive({ type: 'error', code: 'MDS_RATE_LIMITED', message: 'Too fast.', retryable: true });
    socket().drop(code);
    t.match(client.state, { state: 'closed', error: { code: 'MDS_CONNECTION_REFUSED', details: { closeCode: code } } });
    await t.rejects(subscription.ready, { code: 'MDS_CONNECTION_REFUSED', message: /Too fast/ });
    await t.rejects(subscription[Symbol.asyncIterator]().next(), { code: 'MDS_CONNECTION_REFUSED' });
    t.throws(() => client.subscribe({ topic: 'host.metrics' }), { code: 'MDS_CLIENT_CLOSED' });
    t.equal(clock.pending, 0, 'no timer is left');
  }
});

t.test('a client with an attempt limit gives up after that many connections without a welcome', async (t) => {
  const { client, clock, socket } = await aClient({ reconnect: { maxAttempts: 3 } });
  for (let i = 0; i < 3; i++) {
    t.not(client.state.state, 'closed');
    socket().drop();
    clock.advance(60_000);
    await settle();
  }
  t.match(client.state, { state: 'closed', error: { code: 'MDS_CONNECTION_LOST' } });
});

t.test('an edge that never welcomes is left after ten seconds', async (t) => {
  const { client, clock, socket } = await aClient();
  clock.advance(9999);
  t.equal(client.state.state, 'connecting');
  clock.advance(1);
  t.match(client.state, { state: 'waiting', error: { message: /no welcome/ } });
  t.equal(socket().closedWith, 3000);
  client.close();
});

t.test('a silent edge is asked after one heartbeat and left after three', async (t) => {
  const { client, clock, socket } = await aClient();
  socket().welcome({ heartbeatMs: 1000 });
  clock.advance(1000);
  t.same(socket().sent, [{ type: 'ping' }]);
  socket().receive({ type: 'pong' });
  clock.advance(2999);
  t.equal(client.state.state, 'open', 'the pong counts as a sign of life');
  clock.advance(1);
  t.match(client.state, { state: 'waiting', error: { message: /nothing was heard/ } });
  client.close();
});

t.test('what a connection says after it was given up is not heard', async (t) => {
  const { client, clock, sockets, socket } = await aClient();
  socket().welcome({ heartbeatMs: 100 });
  clock.advance(300);
  sockets[0]?.welcome();
  sockets[0]?.drop(4500);
  t.equal(client.state.state, 'waiting');
  client.close();
});

t.test('frames that make no sense end the connection, unknown kinds of frames do not', async (t) => {
  for (const bad of ['not JSON', '[]', '{"type":"events"}']) {
    const { client, socket } = await aClient();
    socket().welcome();
    socket().receive(bad);
    t.equal(client.state.state, 'waiting', bad);
    client.close();
  }
  const { client, socket } = await aClient();
  socket().welcome();
  socket().receive('{"type":"news"}');
  t.equal(client.state.state, 'open');
  socket().receiveBytes();
  t.match(client.state, { state: 'waiting', error: { message: /binary/ } });
  client.close();
  const twice = await aClient();
  twice.socket().welcome();
  twice.socket().welcome();
  t.equal(twice.client.state.state, 'waiting');
  twice.client.close();
});

t.test('a goodbye moves the client to the edges it names, not before the time it names', async (t) => {
  const { client, states, clock, sockets, socket } = await aClient({ reconnect: { baseMs: 100 } });
  socket().welcome();
  socket().receive(aGoodbye({ edges: ['ws://edge-2.test', 'ws://edge-3.test'] }));
  t.equal(socket().closedWith, 3000);
  t.match(states.at(-1), { state: 'waiting', retryInMs: 2050 });
  clock.advance(2049);
  await settle();
  t.equal(sockets.length, 1);
  clock.advance(1);
  await settle();
  t.equal(socket().url, 'ws://edge-2.test/v1/stream');
  client.close();
});

t.test('a goodbye that no reconnect can help waits for the close code', async (t) => {
  const { client, socket } = await aClient();
  socket().welcome();
  socket().receive(aGoodbye({ code: 'MDS_FRAME_CORRUPT', message: 'That was not JSON.' }));
  t.equal(client.state.state, 'open');
  socket().drop(4500);
  t.match(client.state, { state: 'closed', error: { message: /That was not JSON/ } });
});

t.test('of several edges the one that failed comes last', async (t) => {
  const urls = ['ws://a.test/x', 'ws://b.test/x', 'ws://c.test/x'];
  const { client, clock, sockets, socket } = await aClient({ urls }, aWorld({ random: () => 0 }));
  for (let i = 0; i < 5; i++) {
    socket().drop();
    clock.advance(1);
    await settle();
  }
  const tried = sockets.map(({ url }) => url);
  t.same(tried.slice(0, 3).sort(), urls);
  t.not(tried[3], tried[2], 'a new round does not begin with the last failure');
  client.close();
});

t.test('the control plane is asked for running edges, and its silence leaves those that are known', async (t) => {
  const answers = [
    () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })),
    () => Promise.resolve(Response.json({ items: [] })),
    () =>
      Promise.resolve(
        Response.json({
          items: [
            { edgeId: 'e1', clientUrl: 'ws://leaving.test', state: 'draining' },
            { edgeId: 'e2', clientUrl: 'ws://running.test', state: 'running' },
          ],
        }),
      ),
    () => Promise.reject(new TypeError('fetch failed')),
  ];
  const asked: string[] = [];
  const world = aWorld({
    fetch: (url) => {
      asked.push(url);
      return (answers[asked.length - 1] ?? answers[3])?.() ?? Promise.reject(new Error('none'));
    },
  });
  const { client, states, clock, sockets, socket } = await aClient({ api: 'http://api.test/' }, world);
  t.match(states.at(-1), {
    state: 'waiting',
    error: { code: 'MDS_DEPENDENCY_UNAVAILABLE', message: /http:\/\/api\.test.*ECONNREFUSED/ },
  });
  t.equal(asked[0], 'http://api.test/v1/edges');
  clock.advance(1000);
  await settle();
  t.match(states.at(-1), { state: 'waiting', error: { message: /none runs/ } });
  clock.advance(1000);
  await settle();
  t.equal(socket().url, 'ws://running.test/v1/stream');
  socket().drop();
  clock.advance(10_000);
  await settle();
  t.equal(sockets.length, 2);
  t.equal(socket().url, 'ws://running.test/v1/stream');
  client.close();
});

t.test('closing while the control plane is asked opens nothing', async (t) => {
  for (const succeeds of [true, false]) {
    const world = aWorld({
      fetch: () => (succeeds ? Promise.resolve(Response.json({ items: [] })) : Promise.reject(new Error('no'))),
    });
    const client = connect({ api: 'http://api.test', runtime: world.runtime });
    client.close();
    await settle();
    t.match(client.state, { state: 'closed', error: null });
  }
  const direct = aWorld();
  const client = connect({ url: EDGE, runtime: direct.runtime });
  client.close();
  client.close();
  await settle();
  t.equal(direct.sockets.length, 0);
});

t.test('connect wants one kind of address, and a WebSocket one', (t) => {
  const isInvalid = (options: ConnectOptions): void => {
    t.throws(() => connect(options), { code: 'MDS_REQUEST_INVALID' } satisfies Partial<MdsError>);
  };
  isInvalid({});
  isInvalid({ url: EDGE, api: 'http://api.test' });
  isInvalid({ url: 'http://edge.test' });
  isInvalid({ urls: ['ws://'] });
  t.end();
});

t.test('with the parts of this runtime a client can be made and closed', async (t) => {
  const client = connect({ url: 'ws://127.0.0.1:9/' });
  client.close();
  t.match(client.state, { state: 'closed', error: null });
});
