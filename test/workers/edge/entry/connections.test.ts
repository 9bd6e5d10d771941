// Sockets from their first byte to their end, while authentication is on: nothing before they are known, and no longer than
// they are.

import t from 'tap';
import type { Authenticator } from '../../../../platform/identity/authenticator.ts';
import { createLogger } from '../../../../platform/log.ts';
import { ErrorBook } from '../../../../platform/management/error-book.ts';
import { MdsError } from '../../../../schemas/errors.ts';
import type { ServerFrame } from '../../../../schemas/frames.ts';
import type { Identity, TenantQuotas } from '../../../../schemas/identity/identity.ts';
import type { ClientSubscription } from '../../../../workers/edge/client.ts';
import type { Socket } from '../../../../workers/edge/connection.ts';
import { Connections } from '../../../../workers/edge/connections.ts';
import { Outgoing } from '../../../../workers/edge/outgoing.ts';
import { SlowClients } from '../../../../workers/edge/slow-clients.ts';
import type { SubscriptionDoor } from '../../../../workers/edge/subscription-door.ts';
import type { Telemetry } from '../../../../workers/edge/telemetry.ts';
import { TenantAccounts } from '../../../../workers/edge/tenants/tenant-accounts.ts';
import { Turns } from '../../../../workers/edge/tenants/turns.ts';
import type { SocketHandlers } from '../../../../workers/edge/websocket-server.ts';
import { anIdentity, noQuotas } from '../an-identity.ts';

const settled = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
};

interface Settings {
  readonly quotas?: Partial<TenantQuotas>;
  readonly guests?: number;
  readonly guestsPerAddress?: number;
  readonly connectionsPerAddress?: number;
  readonly withinMs?: number;
}

/** An edge's entry, where credential `k` is a key of acme and `t` a token of it that expires, and `o` another tenant's key. */
function anEntry(settings: Settings = {}) {
  const identities = new Map<string, Identity>([
    ['k', anIdentity()],
    ['k2', anIdentity({ subject: 'key:k2' })],
    ['t', anIdentity({ kind: 'token', subject: 'token:i#ann', expiresAtMs: Date.now() + 60_000 })],
    ['o', anIdentity({ tenant: 'other' })],
  ]);
  const changed = new Map<Identity, Identity | null>();
  const authenticator: Authenticator = {
    isOn: true,
    authenticate: async (credential) => {
      await new Promise(setImmediate);
      if (credential === 'away') throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'It', reason: 'away' });
      if (credential === 'bug') throw new TypeError('a bug');
      const identity = identities.get(credential ?? '');
      if (!identity) throw new MdsError('MDS_UNAUTHENTICATED');
      return identity;
    },
    current: (identity) => {
      const present = changed.get(identity);
      return present === undefined ? identity : present;
    },
    quotasOf: () => ({ ...noQuotas, ...settings.quotas }),
  };
  const rechecked: string[] = [];
  const door = {
    subscribe: (client: { identity: Identity }, { id }: { id: string }): Partial<ClientSubscription> => ({
      id,
      isEnded: false,
      wantsRoom: false,
      end: () => {},
      recheck: ({ subject, roles }) => void rechecked.push(`${id} ${subject} ${roles} ${client.identity.subject}`),
    }),
  };
  const accounts = new TenantAccounts({
    rates: { connectsPerSecond: 1000, subscribesPerSecond: 1000 },
    quotasOf: (tenant) => authenticator.quotasOf(tenant),
    now: () => performance.now(),
  });
  const closing: number[] = [];
  const connections = new Connections({
    edgeId: 'e',
    limits: {
      maxConnections: 10,
      maxSubscriptions: 10,
      maxMessageBytes: 200,
      messagesPerSecond: 100,
      messageBurst: 100,
      acknowledgementsPerSecond: 100,
      compresses: false,
      maxBufferedBytes: 100_000,
      reconnectSpreadMs: 100,
    },
    guestLimits: {
      withinMs: settings.withinMs ?? 60_000,
      guests: settings.guests ?? 100,
      guestsPerAddress: settings.guestsPerAddress ?? 100,
    },
    addressLimits: { connectsPerSecond: 1, connections: settings.connectionsPerAddress ?? 100 },
    heartbeatMs: 1000,
    errors: new ErrorBook('edge'),
    authenticator,
    accounts,
    turns: new Turns({ now: () => 0, later: (delayMs, run) => void setTimeout(run, delayMs) }),
    door: door as unknown as SubscriptionDoor, // nothing else of it is used here
    outgoing: new Outgoing(),
    telemetry: {
      onOpened: () => {},
      onBytes: () => {},
      onClosing: (code: number) => void closing.push(code),
    } as unknown as Telemetry, // nor of this
    slowClients: new SlowClients(),
    log: createLogger('edge', 'silent'),
  });
  const connect = (credential: string | null = null, address = 1) => {
    const sent: ServerFrame[] = [];
    const socket = { sent, ended: null as number | null };
    const given: Socket = {
      send: (frame) => {
        if (socket.ended !== null) throw new Error('the socket is closed');
        sent.push(JSON.parse(String(frame)));
        return 1;
      },
      getBufferedAmount: () => 0,
      cork: (send) => send(),
      end: (code) => {
        socket.ended = code;
      },
      getRemoteAddress: () => Uint8Array.of(10, 0, 0, address).buffer,
    };
    const accepted = connections.accept(given, 'json', credential);
    const handlers: SocketHandlers | null = 'closeCode' in accepted ? null : accepted;
    const refusedWith = 'closeCode' in accepted ? accepted.closeCode : null;
    const say = (message: object): void => handlers?.onMessage(Buffer.from(JSON.stringify(message)), false);
    return { socket, sent, handlers, refusedWith, say, gone: () => handlers?.onSocketClosed() };
  };
  return { connections, accounts, connect, rechecked, changed, identities, closing };
}

t.test('a credential of the upgrade, or the first message, lets a client in', async (t) => {
  const { connect, connections } = anEntry();
  const byHeader = connect('k');
  const byMessage = connect();
  t.match(byMessage.sent, [{ type: 'authenticate', withinMs: 60_000 }]);
  byMessage.say({ type: 'auth', credential: 't' });
  byMessage.say({ type: 'ping', id: 'behind it' });
  await settled();
  t.match(byHeader.sent, [{ type: 'welcome', identity: { tenant: 'acme', subject: 'key:k1', expiresInMs: null } }]);
  t.match(byMessage.sent.slice(1), [{ type: 'welcome', identity: { expiresInMs: Number } }, { type: 'pong' }]);
  t.equal(connections.open.size, 2);
  t.equal(connections.guestCount, 0);
});

t.test('a bad credential is an error and a final close, whichever way it came', async (t) => {
  const { connect, connections, closing } = anEntry();
  const byHeader = connect('x');
  const byMessage = connect();
  byMessage.say({ type: 'auth', credential: 'x' });
  await settled();
  for (const { socket } of [byHeader, byMessage]) {
    t.equal(socket.ended, 4504);
    t.match(socket.sent.at(-1), { type: 'error', code: 'MDS_UNAUTHENTICATED', retryable: false });
    t.notMatch(JSON.stringify(socket.sent), 'welcome');
  }
  t.equal(connections.guestCount + connections.open.size, 0);
  t.same(closing, [4504, 4504]);
});

t.test('who cannot be looked up may come back', async (t) => {
  const { connect } = anEntry();
  const away = connect('away');
  const bug = connect('bug');
  await settled();
  t.match([away.socket.ended, bug.socket.ended], [4004, 4004]);
  t.match(bug.sent, [{ code: 'MDS_INTERNAL' }]);
});

t.test('nobody is served anything before it is known, and too many questions end it', async (t) => {
  const { connect } = anEntry();
  const client = connect();
  client.say({ type: 'subscribe', id: 's', topic: 'x' });
  client.handlers?.onMessage(Buffer.from('{not json'), false);
  t.match(client.sent.slice(1), [
    { type: 'error', id: 's', code: 'MDS_UNAUTHENTICATED' },
    { type: 'error', code: 'MDS_UNAUTHENTICATED' },
  ]);
  for (let i = 0; i < 20; i++) client.say({ type: 'ping' });
  t.equal(client.socket.ended, 4504);
  const large = connect();
  large.say({ type: 'auth', credential: 'x'.repeat(300) });
  t.equal(large.socket.ended, 4504);
});

t.test('who says nothing is closed in time', async (t) => {
  const { connect, connections } = anEntry({ withinMs: 0 });
  const client = connect();
  connections.tick();
  t.equal(client.socket.ended, 4504);
  client.gone();
  t.equal(connections.guestCount, 0);
});

t.test('those that are not known yet are bounded, also by address, and make room when they go', async (t) => {
  const { connect } = anEntry({ guests: 3, guestsPerAddress: 2 });
  const first = connect(null, 1);
  connect(null, 1);
  t.equal(connect(null, 1).refusedWith, 4005, 'an address');
  connect(null, 2);
  t.equal(connect(null, 3).refusedWith, 4005, 'the edge');
  first.gone();
  t.equal(connect(null, 3).refusedWith, null);
});

t.test('connections of one address are bounded, known or not', async (t) => {
  const { connect, connections } = anEntry({ connectionsPerAddress: 1 });
  const first = connect('k');
  await settled();
  t.equal(connect('k').refusedWith, 4005);
  first.gone();
  t.equal(connect('k').refusedWith, null);
  for (let i = 0; i < 10; i++) t.ok(connections.mayConnect(Uint8Array.of(10, 0, 0, 9)));
  t.notOk(connections.mayConnect(Uint8Array.of(10, 0, 0, 9)));
});

t.test('a tenant at its limit is told to come back later; another one comes in', async (t) => {
  const { connect } = anEntry({ quotas: { connections: 1 } });
  const first = connect('k');
  await settled();
  const second = connect('k');
  const other = connect('o');
  await settled();
  t.match(second.sent, [{ type: 'goodbye', code: 'MDS_QUOTA_EXCEEDED' }]);
  t.equal(second.socket.ended, 4007);
  t.match(other.sent, [{ type: 'welcome' }]);
  second.gone();
  first.gone();
  const third = connect('k');
  await settled();
  t.match(third.sent, [{ type: 'welcome' }]);
});

t.test('a new credential of the same owner takes over; another owner’s changes nothing', async (t) => {
  const { connect, rechecked, identities } = anEntry();
  const client = connect('k');
  await settled();
  client.say({ type: 'subscribe', id: 's', topic: 'x' });
  client.say({ type: 'auth', credential: 'k2' });
  client.say({ type: 'ping', id: 'behind it' });
  await settled();
  t.match(client.sent.slice(1), [{ type: 'authenticated', subject: 'key:k2' }, { type: 'pong' }]);
  t.same(rechecked, [], 'it reads the same');
  client.say({ type: 'auth', credential: 'o' });
  await settled();
  t.match(client.sent.at(-1), { type: 'error', code: 'MDS_IDENTITY_CHANGED', details: { tenant: 'other' } });
  t.equal(client.socket.ended, null);
  identities.set('k3', anIdentity({ subject: 'key:k3', roles: ['admin'] }));
  client.say({ type: 'auth', credential: 'k3' });
  await settled();
  t.same(rechecked, ['s key:k3 admin key:k3'], 'it reads something else');
});

t.test('a bad credential in the middle ends the connection', async (t) => {
  const { connect } = anEntry();
  const client = connect('k');
  await settled();
  client.say({ type: 'auth', credential: 'x' });
  client.say({ type: 'ping' });
  await settled();
  t.equal(client.socket.ended, 4504);
  t.match(client.sent.at(-1), { type: 'error', code: 'MDS_UNAUTHENTICATED' });
});

t.test('whose identity ends is closed: for good, or, when it has run out, to come back with a new one', async (t) => {
  const { connect, connections, changed, identities } = anEntry();
  identities.set('old', anIdentity({ subject: 'key:old', expiresAtMs: Date.now() - 1 }));
  const clients = [connect('k'), connect('old'), connect('o')];
  await settled();
  for (const name of ['k', 'old']) changed.set(identities.get(name) ?? anIdentity(), null);
  for (let i = 0; i < 10; i++) connections.tick();
  await settled();
  t.same(
    clients.map(({ socket }) => socket.ended),
    [4504, 4006, null],
  );
  t.match(clients[1]?.sent.at(-1), { type: 'goodbye', code: 'MDS_CREDENTIAL_EXPIRED' });
});

t.test('changed grants are looked at within ten ticks, by every subscription', async (t) => {
  const { connect, connections, changed, identities, rechecked } = anEntry();
  const client = connect('k');
  await settled();
  client.say({ type: 'subscribe', id: 's', topic: 'x' });
  changed.set(identities.get('k') ?? anIdentity(), anIdentity({ grants: [] }));
  for (let i = 0; i < 10; i++) connections.tick();
  t.equal(rechecked.length, 1);
  for (let i = 0; i < 10; i++) connections.tick();
  t.equal(rechecked.length, 1, 'and once');
});
