// The small rules at the entry: credentials at the upgrade, addresses, who may follow whom.

import fc from 'fast-check';
import t from 'tap';
import { Addresses, addressKeyOf } from '../../../../workers/edge/entry/addresses.ts';
import { assertSameOwner, readsTheSame, shownIdentity } from '../../../../workers/edge/entry/identity-rules.ts';
import { readUpgrade } from '../../../../workers/edge/entry/upgrade-credential.ts';
import { HeldMessages } from '../../../../workers/edge/held-messages.ts';
import { anIdentity } from '../an-identity.ts';

const carrier = (credential: string): string => `mds.auth.${Buffer.from(credential).toString('base64url')}`;

t.test('a credential comes in the header or as a subprotocol, which is never chosen', async (t) => {
  t.same(readUpgrade('', 'mds.v1.json'), { offered: ['mds.v1.json'], credential: null });
  t.same(readUpgrade('Bearer mds_a_b', ''), { offered: [], credential: 'mds_a_b' });
  t.same(readUpgrade('', `mds.v1.avro, ${carrier('mds_a_b')}`), { offered: ['mds.v1.avro'], credential: 'mds_a_b' });
  t.equal(readUpgrade('bearer  x', carrier('other')).credential, 'x', 'the header counts');
});

t.test('what cannot be read is a credential that is valid for nobody, not none', async (t) => {
  for (const header of ['Basic abc', 'Bearer', 'Bearer ', 'x'])
    t.equal(readUpgrade(header, '').credential, '?', header);
  for (const protocol of ['mds.auth.', 'mds.auth.!!', 'mds.auth.YQ==', 'mds.auth._w']) {
    t.equal(readUpgrade('', protocol).credential, '?', protocol);
  }
});

t.test('any credential travels as a subprotocol', async (t) => {
  const credential = fc.string({ minLength: 1, unit: 'binary' }).filter((text) => text.isWellFormed());
  fc.assert(fc.property(credential, (text) => readUpgrade('', `a,${carrier(text)}`).credential === text));
  t.pass();
});

t.test('an address is an IPv4 address, or the network of an IPv6 address', async (t) => {
  const v4 = Uint8Array.of(10, 0, 0, 1);
  const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1);
  const v6 = (last: number) => Uint8Array.of(32, 1, 13, 184, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, last);
  t.equal(addressKeyOf(v4), addressKeyOf(mapped));
  t.equal(addressKeyOf(v6(1)), addressKeyOf(v6(2)));
  t.not(addressKeyOf(v6(1)), addressKeyOf(v4));
  t.equal(addressKeyOf(new Uint8Array()), '');
});

t.test('an address has so many connects a second and so many connections', async (t) => {
  const addresses = new Addresses({ connectsPerSecond: 2, connections: 2 });
  for (let i = 0; i < 20; i++) t.ok(addresses.mayConnect('a', 0));
  t.notOk(addresses.mayConnect('a', 0));
  t.ok(addresses.mayConnect('b', 0));
  t.ok(addresses.mayConnect('a', 500));
  t.same(
    [1, 2, 3].map(() => addresses.enter('a', 0)),
    [true, true, false],
  );
  addresses.leave('a');
  t.ok(addresses.enter('a', 0));
});

t.test('addresses are forgotten when they are many, but not those that have connections', async (t) => {
  const addresses = new Addresses({ connectsPerSecond: 1, connections: 1 });
  addresses.enter('here', 0);
  for (let i = 0; i < 100_010; i++) addresses.mayConnect(`${i}`, 0);
  t.equal(addresses.size, 100_000);
  t.notOk(addresses.enter('here', 0));
});

t.test('a connection stays with its tenant and its owner', async (t) => {
  const key = anIdentity({ subject: 'key:a' });
  const token = anIdentity({ kind: 'token', subject: 'token:i#ann' });
  assertSameOwner(key, anIdentity({ subject: 'key:rotated' }));
  assertSameOwner(token, { ...token, expiresAtMs: 5 });
  for (const other of [anIdentity({ tenant: 'other' }), token, anIdentity({ kind: 'open' })]) {
    t.throws(() => assertSameOwner(key, other), { code: 'MDS_IDENTITY_CHANGED' });
  }
  t.throws(() => assertSameOwner(token, { ...token, subject: 'token:i#bob' }), { code: 'MDS_IDENTITY_CHANGED' });
});

t.test('only what a filter may read of an identity makes a difference', async (t) => {
  const of = (filter: string, claims: object) =>
    anIdentity({ grants: [{ actions: ['subscribe'], topics: ['*'], filter }], claims: { ...claims } });
  t.ok(readsTheSame(of('n > 1', { exp: 1 }), of('n > 1', { exp: 2 })));
  t.notOk(readsTheSame(of('n > 1', {}), of('n > 2', {})));
  t.notOk(readsTheSame(of('team == claims.team', { team: 'a' }), of('team == claims.team', { team: 'b' })));
  t.notOk(readsTheSame(of('', {}), { ...of('', {}), roles: ['admin'] }));
});

t.test('a client is told how long it is itself, not until when', async (t) => {
  t.same(shownIdentity(anIdentity({ expiresAtMs: 1500 }), 1000), {
    tenant: 'acme',
    subject: 'key:k1',
    expiresInMs: 500,
  });
  t.equal(shownIdentity(anIdentity({ expiresAtMs: 500 }), 1000).expiresInMs, 0);
  t.equal(shownIdentity(anIdentity(), 1000).expiresInMs, null);
});

t.test('messages that wait are bounded in number and length', async (t) => {
  const held = new HeldMessages(3, 1);
  t.same(
    ['aaaaaaaa', 'bbbbbbbb', 'c'].map((text) => held.push(text)),
    [true, true, false],
  );
  t.equal(held.shift(), 'aaaaaaaa');
  t.same(
    ['c', 'd', 'e'].map((text) => held.push(text)),
    [true, true, false],
  );
  t.same(
    [1, 2, 3, 4].map(() => held.shift()),
    ['bbbbbbbb', 'c', 'd', undefined],
  );
});
