import t from 'tap';
import type { ConnectionAsk, SubscriptionView } from '../../../../schemas/connection-control.ts';
import { OPEN_IDENTITY } from '../../../../schemas/identity/identity.ts';
import { answerTo } from '../../../../workers/edge/inspection/connection-answers.ts';
import { type InspectedConnection, KEPT_UP } from '../../../../workers/edge/inspection/inspected.ts';

const aView = (overrides: Partial<SubscriptionView> = {}): SubscriptionView => ({
  id: 's',
  kind: 'shared',
  topic: 'orders',
  filter: '',
  channel: 'c',
  state: 'live',
  deliveredEvents: 3,
  droppedEvents: 0,
  conflatedEvents: 0,
  inFlightEvents: 0,
  latencyMs: null,
  ...overrides,
});

interface Played extends InspectedConnection {
  closedWith: number | null;
}

function aConnection(number: number, tenant = 'a', views: SubscriptionView[] = [aView()]): Played {
  const played: Played = {
    id: `e/${number}`,
    number,
    identity: { ...OPEN_IDENTITY, tenant, subject: `key:${number}`, claims: { secret: 'planted' } },
    peer: '10.0.0.1',
    door: 'websocket',
    format: 'json',
    openedAtMs: 5,
    bufferedBytes: 7,
    sentBytes: 100,
    closedWith: null,
    topics: () => new Set(views.map(({ topic }) => topic)),
    views: () => views,
    close: (code) => {
      played.closedWith = code;
    },
  };
  return played;
}

const slowOnes = new Set<InspectedConnection>();
const answer = (connections: readonly Played[], ask: ConnectionAsk, edgeIds = ['e']) =>
  answerTo(
    { requestId: 'r', replyTo: 'cp', edgeIds, ask },
    {
      edgeId: 'e',
      connections,
      slownessOf: (one) => (slowOnes.has(one) ? { ...KEPT_UP, behindSinceMs: 1, worstBufferedBytes: 70 } : KEPT_UP),
    },
  );
const list = (filter: object = {}, after: { edgeId: string; number: number } | null = null, limit = 10) =>
  ({ kind: 'list', filter, after, limit }) as const;
const numbers = (of: ReturnType<typeof answer>): number[] => of?.items.map(({ number }) => number) ?? [];

t.test('an edge that is not asked answers nothing', async (t) => {
  t.equal(answer([], list(), ['another']), null);
});

t.test('connections are listed in order of their numbers, behind a place, and so many', async (t) => {
  const all = [aConnection(3), aConnection(1), aConnection(2), aConnection(4)];
  t.same(numbers(answer(all, list())), [1, 2, 3, 4]);
  t.same(numbers(answer(all, list({}, { edgeId: 'e', number: 1 }, 2))), [2, 3]);
  t.same(numbers(answer(all, list({}, { edgeId: 'd', number: 3 }))), [1, 2, 3, 4], 'of an edge before');
});

t.test('a filter by tenant, identity, topic and slowness lets through what fits all of it', async (t) => {
  const slow = aConnection(2, 'b', [aView({ topic: 'alerts' })]);
  slowOnes.add(slow);
  const all = [aConnection(1, 'a'), slow, aConnection(3, 'b')];
  t.same(numbers(answer(all, list({ tenant: 'b' }))), [2, 3]);
  t.same(numbers(answer(all, list({ subject: 'key:1' }))), [1]);
  t.same(numbers(answer(all, list({ topic: 'alerts' }))), [2]);
  t.same(numbers(answer(all, list({ slow: true }))), [2]);
  t.same(numbers(answer(all, list({ tenant: 'a', slow: true }))), []);
});

t.test('a summary sums deliveries, and says the worst latency and what was unread', async (t) => {
  const views = [aView({ latencyMs: 4 }), aView({ latencyMs: 9, topic: 'alerts' }), aView()];
  const [item] = answer([aConnection(1, 'a', views)], list())?.items ?? [];
  t.match(item, {
    deliveredEvents: 9,
    latencyMs: 9,
    topics: ['alerts', 'orders'],
    worstBufferedBytes: 7,
    subscriptions: 3,
  });
});

t.test('one connection is shown with its subscriptions and without a secret; not to another tenant', async (t) => {
  const all = [aConnection(1, 'a')];
  const shown = answer(all, { kind: 'show', number: 1, tenant: 'a' });
  t.match(shown?.detail, { id: 'e/1', subject: 'key:1', shown: [{ id: 's', topic: 'orders' }] });
  t.notMatch(JSON.stringify(shown), 'planted');
  t.equal(answer(all, { kind: 'show', number: 1, tenant: 'b' })?.detail, null);
  t.ok(answer(all, { kind: 'show', number: 1, tenant: null })?.detail);
  t.equal(answer(all, { kind: 'show', number: 2, tenant: null })?.detail, null);
});

t.test('a client is closed so that it comes back, or stays away; never one of another tenant', async (t) => {
  const [one, two, three] = [aConnection(1, 'a'), aConnection(2, 'a'), aConnection(3, 'b')];
  const all = [one, two, three];
  t.match(answer(all, { kind: 'disconnect', number: 1, tenant: 'a', mayResume: true }), { disconnected: 1 });
  t.equal(one.closedWith, 4010);
  t.match(answer(all, { kind: 'disconnect', number: 2, tenant: null, mayResume: false }), { disconnected: 1 });
  t.equal(two.closedWith, 4510);
  t.match(answer(all, { kind: 'disconnect', number: 3, tenant: 'a', mayResume: true }), { disconnected: 0 });
  t.equal(three.closedWith, null);
});

t.test('all that a filter finds are closed', async (t) => {
  const all = [aConnection(1, 'a'), aConnection(2, 'b'), aConnection(3, 'b')];
  t.match(answer(all, { kind: 'disconnect-all', filter: { tenant: 'b' }, mayResume: true }), { disconnected: 2 });
  t.same(
    all.map(({ closedWith }) => closedWith),
    [null, 4010, 4010],
  );
});
