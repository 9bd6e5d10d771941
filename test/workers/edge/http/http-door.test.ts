import t from 'tap';
import { openAuthenticator } from '../../../../platform/identity/authenticator.ts';
import { MdsError } from '../../../../schemas/errors.ts';
import { OPEN_IDENTITY } from '../../../../schemas/identity/identity.ts';
import { Arrivals } from '../../../../workers/edge/entry/arrivals.ts';
import { EventsDoor } from '../../../../workers/edge/http/events-door.ts';
import type { HttpClient } from '../../../../workers/edge/http/http-client.ts';
import { HttpDoor } from '../../../../workers/edge/http/http-door.ts';
import type { Reading } from '../../../../workers/edge/reading.ts';
import { aSeat, flushed, HttpWorld, PlayedSubscription } from './http-world.ts';
import { type PlayedRequest, PlayedResponse, playedRequest } from './played-response.ts';

const EVENTS = '/v1/topics/t/events';
const PAGE = { origin: 'https://monitor.example.com' };

/** What may be read of it, whatever it is: nothing of it is looked at here. */
const READING = { topic: { topicId: 7 }, plan: { channel: 'c', cost: 1 }, filter: '' } as Reading;

function setUp({ isFull = false } = {}) {
  const world = new HttpWorld();
  const unexpected: unknown[] = [];
  const errors: string[] = [];
  const asked: unknown[] = [];
  const opened: HttpClient[] = [];
  const arrivals = new Arrivals();
  const events = new EventsDoor({
    context: world.context,
    identification: { of: async () => OPEN_IDENTITY },
    readingOf: async (_identity, message) => {
      if (message.topic !== 't') throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: message.topic });
      return READING;
    },
    follow: (client, message, reading) => {
      if (message.fields?.includes('bug')) throw new TypeError('a bug');
      asked.push({ ...message, reading });
      return new PlayedSubscription(client.output).begin();
    },
    arrive: () => arrivals.add(() => {}),
    admit: (arrival) => {
      arrival.settle();
      if (isFull) throw new MdsError('MDS_TOO_MANY_CONNECTIONS', { limit: 1 });
      return aSeat();
    },
    onOpened: (client) => opened.push(client),
    later: world.later,
  });
  const tooMany = { requests: false };
  const door = new HttpDoor({
    isOriginAllowed: (origin) => origin === '' || origin === PAGE.origin,
    isHostAllowed: (host) => host !== 'rebound.example',
    onError: ({ code }) => errors.push(code),
    countRequest: () => {
      if (tooMany.requests) throw new MdsError('MDS_RATE_LIMITED', { limit: 1, what: 'requests a second' });
    },
    events,
    tickets: {
      handle: async (exchange) => exchange.answer(201, {}, (await openAuthenticator.authenticate(null)).subject),
    },
    telemetry: world.context.telemetry,
    onUnexpected: (error) => {
      unexpected.push(error);
      return 'ref1';
    },
  });
  const ask = async (request: PlayedRequest): Promise<PlayedResponse> => {
    const response = new PlayedResponse();
    door.handle(response, playedRequest(request));
    await flushed();
    return response;
  };
  return { arrivals, ask, asked, errors, events, opened, tooMany, unexpected, world };
}

const problemIn = ({ text }: PlayedResponse): Record<string, unknown> => JSON.parse(text);

for (const [what, request, status, code] of [
  ['another path', { url: '/v1/nowhere' }, 404, 'MDS_NO_ROUTE'],
  ['another method', { method: 'PUT', url: EVENTS }, 405, 'MDS_METHOD_NOT_ALLOWED'],
  ['a method nobody knows', { method: 'BREW', url: EVENTS }, 405, 'MDS_METHOD_NOT_ALLOWED'],
  ['a ticket by GET', { url: '/v1/tickets' }, 405, 'MDS_METHOD_NOT_ALLOWED'],
  ['another kind of answer', { url: EVENTS, headers: { accept: 'text/html' } }, 406, 'MDS_NOT_ACCEPTABLE'],
  ['too much in the URL', { url: `${EVENTS}?filter=${'a'.repeat(40_000)}` }, 414, 'MDS_URL_TOO_LONG'],
  ['a page from elsewhere', { url: EVENTS, headers: { origin: 'https://evil.example' } }, 403, 'MDS_ORIGIN_REFUSED'],
  ['a name that was bent to here', { url: EVENTS, headers: { host: 'rebound.example' } }, 403, 'MDS_ORIGIN_REFUSED'],
  ['parameters that there are not', { url: `${EVENTS}?filte=x` }, 400, 'MDS_REQUEST_INVALID'],
  ['a topic that there is not', { url: '/v1/topics/x/events' }, 404, 'MDS_TOPIC_UNKNOWN'],
] as const) {
  t.test(`${what} is answered with ${status} and says why`, async (t) => {
    const { ask, errors } = setUp();
    const response = await ask(request);
    t.same(errors, [code], 'and it is counted');
    t.equal(Number.parseInt(response.status, 10), status);
    t.match(response.headers.get('content-type'), 'application/problem+json');
    t.match(problemIn(response), { code, status });
    t.ok(response.isEnded);
  });
}

t.test('405 says what is allowed', async (t) => {
  const response = await setUp().ask({ method: 'DELETE', url: EVENTS });
  t.equal(response.headers.get('allow'), 'GET, HEAD, OPTIONS');
});

t.test('a browser that asks first is told what its page may do', async (t) => {
  const response = await setUp().ask({ method: 'OPTIONS', url: EVENTS, headers: PAGE });
  t.equal(response.status, '204 No Content');
  t.equal(response.headers.get('access-control-allow-origin'), PAGE.origin);
  t.match(response.headers.get('access-control-allow-headers'), 'authorization');
  t.match(response.headers.get('access-control-allow-methods'), 'GET');
  t.notOk(response.headers.has('content-length'), '204 has none');
});

t.test('an answer names the page that may read it, and no other', async (t) => {
  const { ask } = setUp();
  const own = await ask({ url: EVENTS, headers: PAGE });
  t.equal(own.headers.get('access-control-allow-origin'), PAGE.origin);
  t.equal(own.headers.get('vary'), 'origin');
  const foreign = await ask({ url: EVENTS, headers: { origin: 'https://evil.example' } });
  t.notOk(foreign.headers.has('access-control-allow-origin'));
});

t.test('HEAD says what GET would, and begins nothing', async (t) => {
  const { ask, asked } = setUp();
  const response = await ask({ method: 'HEAD', url: EVENTS });
  t.equal(response.status, '200 OK');
  t.match(response.headers.get('content-type'), 'text/event-stream');
  t.equal(response.text, '');
  t.notOk(response.headers.has('content-length'), 'a stream has no length');
  t.same(asked, []);
});

t.test('what may be read is what is followed, and Last-Event-ID is where it begins', async (t) => {
  const { ask, asked } = setUp();
  await ask({ url: `${EVENTS}?filter=n&lastEventId=b`, headers: { 'last-event-id': 'a' } });
  t.match(asked, [{ topic: 't', filter: 'n', resume: 'a', reading: READING }]);
});

t.test('an address that asks too often waits, whatever it asks for', async (t) => {
  const { ask, asked, tooMany } = setUp();
  tooMany.requests = true;
  for (const url of [EVENTS, '/v1/tickets', '/v1/nowhere']) {
    const response = await ask({ url });
    t.equal(response.status, '429 Too Many Requests');
    t.ok(response.headers.has('retry-after'));
  }
  t.same(asked, []);
});

t.test('a request counts while it is on its way in, and no longer', async (t) => {
  const { ask, arrivals } = setUp();
  const stream = ask({ url: EVENTS });
  const unknown = ask({ url: '/v1/topics/x/events' });
  t.equal(arrivals.count, 2);
  await Promise.all([stream, unknown]);
  t.equal(arrivals.count, 0, 'one is a connection, the other was refused');
});

t.test('an edge that is full says so', async (t) => {
  const response = await setUp({ isFull: true }).ask({ url: EVENTS });
  t.equal(response.status, '503 Service Unavailable');
  t.ok(response.headers.has('retry-after'));
});

t.test(
  'a browser, which never comes back from another status, is told in a stream what passes by itself',
  async (t) => {
    const accept = { accept: 'text/event-stream' };
    const full = await setUp({ isFull: true }).ask({ url: EVENTS, headers: accept });
    t.equal(full.status, '200 OK');
    t.match(full.text, /^retry: [12]\d{3}\nevent: error\ndata: .*"MDS_TOO_MANY_CONNECTIONS".*"retryable":true.*\n\n$/);
    t.notMatch(full.text, /^id:/m, 'it keeps the id that it has');
    t.ok(full.isEnded);
    const refused = await setUp().ask({ url: '/v1/topics/x/events', headers: accept });
    t.equal(refused.status, '404 Not Found', 'what does not pass is a status, from which nobody comes back');
  },
);

t.test('a bug is logged and says its reference, and nothing else', async (t) => {
  const { ask, unexpected } = setUp();
  const response = await ask({ url: `${EVENTS}?fields=bug` });
  t.equal(response.status, '500 Internal Server Error');
  t.match(problemIn(response), { code: 'MDS_INTERNAL', reference: 'ref1' });
  t.match(unexpected, [{ message: 'a bug' }]);
});

t.test('a stream whose identity has ended is cut off, and says why', async (t) => {
  const { ask, opened } = setUp();
  const response = await ask({ url: EVENTS });
  t.notOk(response.isEnded);
  opened[0]?.endIdentity();
  t.match(response.text, /event: error\ndata: .*MDS_UNAUTHENTICATED/);
  t.ok(response.isEnded);
});

t.test('a poll that comes back with its token goes on with the same subscription, another does not', async (t) => {
  const { ask, asked, world } = setUp();
  const poll = async (query: string): Promise<string> => {
    const response = await ask({ url: `${EVENTS}?wait=0&${query}`, headers: { accept: 'application/json' } });
    world.pass(0);
    await flushed();
    return JSON.parse(response.text).next;
  };
  const next = await poll('');
  t.equal(asked.length, 1);
  t.equal(await poll(`after=${next}`), next);
  t.equal(asked.length, 1);
  await poll(`after=${next}&fields=n`);
  t.equal(asked.length, 2, 'it asks for something else');
  await poll('');
  t.equal(asked.length, 3, 'it wants to begin now');
});
