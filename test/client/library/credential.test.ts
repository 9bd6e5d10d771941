// How a client says who it is: when the edge asks, again before that expires, and anew when it is no longer accepted.

import t from 'tap';
import { CredentialSource } from '../../../client/library/credential.ts';
import { type ClientState, type ConnectOptions, connect, type MdsError } from '../../../client/library/index.ts';
import { anEventsFrame, aSubscribed, aToken, aWorld, FakeClock, settle } from './fake-runtime.ts';

async function aClient(options: Partial<ConnectOptions>, world = aWorld()) {
  const states: ClientState[] = [];
  const errors: MdsError[] = [];
  const client = connect({
    ...(options.api === undefined ? { url: 'ws://edge.test/' } : {}),
    ...options,
    runtime: world.runtime,
    onStateChange: (state) => states.push(state),
    onCredentialError: (error) => errors.push(error),
  });
  await settle();
  const identity = (expiresInMs: number | null) => ({ tenant: 'acme', subject: 'key:k1', expiresInMs });
  const ask = (): void => world.socket().receive({ type: 'authenticate', withinMs: 5000 });
  const welcome = (expiresInMs: number | null): void =>
    world.socket().welcome({ heartbeatMs: 0, identity: identity(expiresInMs) });
  const accept = (expiresInMs: number | null): void =>
    world.socket().receive({ type: 'authenticated', ...identity(expiresInMs) });
  const wait = async (ms: number): Promise<void> => {
    world.clock.advance(ms);
    await settle();
  };
  return { client, states, errors, ask, welcome, accept, wait, ...world };
}

/** A function that gives c1, c2, … */
function aSource(fails: () => boolean = () => false) {
  const source = { asked: 0 };
  const credential = async (): Promise<string> => {
    if (fails()) throw new Error('signed out');
    source.asked += 1;
    return `c${source.asked}`;
  };
  return { source, credential };
}

t.test('the credential is shown when the edge asks, and only then', async (t) => {
  const { client, socket, ask, welcome } = await aClient({ credential: 'secret' });
  t.same(socket().sent, []);
  ask();
  t.same(socket().sent, [{ type: 'auth', credential: 'secret' }]);
  welcome(null);
  t.equal(client.state.state, 'open');
  client.close();
});

t.test('without a credential a client gives up where one is asked for', async (t) => {
  const { client, ask, socket } = await aClient({});
  const subscription = client.subscribe({ topic: 'x' });
  ask();
  t.match(client.state, { state: 'closed', error: { code: 'MDS_UNAUTHENTICATED' } });
  await t.rejects(subscription.ready, { code: 'MDS_UNAUTHENTICATED' });
  t.not(socket().closedWith, null);
});

t.test('one that is refused is the end; so is a text that has expired', async (t) => {
  const { credential } = aSource();
  const refused = await aClient({ credential });
  refused.ask();
  refused.socket().drop(4504);
  t.match(refused.client.state, { state: 'closed', error: { code: 'MDS_UNAUTHENTICATED' } });
  const expired = await aClient({ credential: 'text' });
  expired.ask();
  expired.welcome(1000);
  expired.socket().drop(4006);
  await expired.wait(10_000);
  expired.ask();
  t.match(expired.socket().sent, [{ credential: 'text' }]);
  expired.socket().drop(4504);
  t.match(expired.client.state, { state: 'closed', error: { code: 'MDS_UNAUTHENTICATED' } });
});

t.test('a function is asked again before what it gave expires, and no subscription notices', async (t) => {
  const { source, credential } = aSource();
  const { client, socket, sockets, ask, welcome, accept, wait } = await aClient({ credential });
  ask();
  welcome(600_000);
  const subscription = client.subscribe<{ n: number }>({ topic: 'host.metrics' });
  socket().receive(aSubscribed(socket().lastSubscribe().id));
  socket().receive(anEventsFrame([1]));
  await wait(600_000 - 90_001);
  t.equal(source.asked, 1);
  await wait(15_001);
  t.match(socket().all('auth'), [{ credential: 'c1' }, { credential: 'c2' }]);
  socket().receive(anEventsFrame([2]));
  accept(1000);
  socket().receive(anEventsFrame([3]));
  t.equal(subscription.bufferedEvents, 3);
  t.equal(subscription.state, 'live');
  await wait(1000);
  t.equal(socket().all('auth').length, 3, 'and again, for a short one a fifth of its time before');
  t.equal(sockets.length, 1);
  t.equal(socket().subscribes().length, 1);
  client.close();
});

t.test('one that does not expire is not renewed, nor is a text', async (t) => {
  for (const [credential, expiresInMs] of [
    [aSource().credential, null],
    ['text', 1000],
  ] as const) {
    const { client, socket, ask, welcome, wait } = await aClient({ credential });
    ask();
    welcome(expiresInMs);
    await wait(100_000);
    t.equal(socket().all('auth').length, 1);
    client.close();
  }
});

t.test('when none can be got the connection stays, it is tried again, and the user is told', async (t) => {
  let isSignedOut = false;
  const { credential } = aSource(() => isSignedOut);
  const { client, socket, ask, welcome, wait, errors } = await aClient({ credential });
  ask();
  welcome(1000);
  isSignedOut = true;
  await wait(900);
  t.match(errors, [{ code: 'MDS_DEPENDENCY_UNAVAILABLE', message: /signed out/ }]);
  t.equal(client.state.state, 'open');
  isSignedOut = false;
  await wait(10_000);
  t.match(socket().all('auth').at(-1), { credential: 'c2' });
  client.close();
});

t.test('a connect waits for a credential that cannot be got, with backoff', async (t) => {
  let isSignedOut = true;
  const { credential } = aSource(() => isSignedOut);
  const { client, sockets, wait } = await aClient({ credential });
  t.match(client.state, { state: 'waiting', error: { code: 'MDS_DEPENDENCY_UNAVAILABLE' } });
  t.equal(sockets.length, 0);
  isSignedOut = false;
  await wait(1000);
  t.equal(sockets.length, 1);
  client.close();
});

t.test('when it has expired, or its key was replaced, the client comes back with a new one and resumes', async (t) => {
  for (const closeCode of [4006, 4504]) {
    const { credential } = aSource();
    const { client, socket, sockets, ask, welcome, wait } = await aClient({ credential });
    ask();
    welcome(null);
    const subscription = client.subscribe({ topic: 'host.metrics' });
    socket().receive(aSubscribed(socket().lastSubscribe().id));
    socket().receive(anEventsFrame([1]));
    socket().drop(closeCode);
    await wait(1000);
    t.equal(sockets.length, 2);
    ask();
    t.match(socket().sent, [{ credential: 'c2' }]);
    welcome(null);
    t.equal(socket().lastSubscribe().resume, aToken(1));
    t.equal(subscription.state, 'subscribing');
    client.close();
  }
});

t.test('a new credential of somebody else is refused, and the user is told', async (t) => {
  const { client, socket, ask, welcome, errors } = await aClient({ credential: aSource().credential });
  ask();
  welcome(null);
  socket().receive({ type: 'error', code: 'MDS_IDENTITY_CHANGED', message: 'Another.', retryable: false });
  t.match(errors, [{ code: 'MDS_IDENTITY_CHANGED', message: 'Another.' }]);
  t.equal(client.state.state, 'open');
  client.close();
});

t.test('a subscription whose grants changed resumes; one that is forbidden ends', async (t) => {
  const { client, socket, ask, welcome, wait } = await aClient({ credential: 'k' });
  ask();
  welcome(null);
  const subscription = client.subscribe({ topic: 'host.metrics' });
  const { id } = socket().lastSubscribe();
  socket().receive(aSubscribed(id));
  socket().receive(anEventsFrame([5]));
  socket().receive({ type: 'error', id, code: 'MDS_GRANTS_CHANGED', message: 'Changed.', retryable: true });
  await wait(60_000);
  t.match(socket().lastSubscribe(), { resume: aToken(5) });
  t.not(socket().lastSubscribe().id, id);
  const again = socket().lastSubscribe().id;
  socket().receive({ type: 'error', id: again, code: 'MDS_FORBIDDEN', message: 'No.', retryable: false });
  await t.rejects(subscription.finished, { code: 'MDS_FORBIDDEN' });
  client.close();
});

t.test('the control plane is shown it too, and once more anew when it refuses', async (t) => {
  const shown: (string | null)[] = [];
  const world = aWorld({
    fetch: async (_url, init) => {
      shown.push(new Headers(init?.headers).get('authorization'));
      const isRefused = shown.length === 1;
      const body = isRefused ? { code: 'MDS_UNAUTHENTICATED' } : { items: [] };
      return new Response(JSON.stringify(body), { status: isRefused ? 401 : 200 });
    },
  });
  const { client } = await aClient({ api: 'http://api.test', credential: aSource().credential }, world);
  t.same(shown, ['Bearer c1', 'Bearer c2']);
  client.close();
});

t.test('a control plane that refuses what was got just now is the end', async (t) => {
  const fetch = async (): Promise<Response> => Response.json({ code: 'MDS_UNAUTHENTICATED' }, { status: 401 });
  for (const credential of [undefined, 'secret', aSource().credential]) {
    const { client } = await aClient({ api: 'http://api.test', credential }, aWorld({ fetch }));
    await settle();
    t.match(client.state, { state: 'closed', error: { code: 'MDS_UNAUTHENTICATED' } });
  }
});

t.test('a function that never answers, or gives no text, counts as one that fails', async (t) => {
  const clock = new FakeClock();
  const silent = new CredentialSource(() => new Promise<string>(() => {}), clock).renew();
  await settle();
  clock.advance(30_000);
  await t.rejects(silent, { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  await t.rejects(new CredentialSource(() => '', clock).renew(), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  t.equal(await new CredentialSource(undefined, clock).renew(), null);
  t.equal(clock.pending, 0);
});
