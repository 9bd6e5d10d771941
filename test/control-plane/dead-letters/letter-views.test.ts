// What of a dead letter is shown to whom: never an event that a mandatory filter excludes, nor a record that holds one.

import avsc from 'avsc';
import t from 'tap';
import { LetterDecoding } from '../../../control-plane/dead-letters/letter-decoding.ts';
import { isContentSeen, viewOf } from '../../../control-plane/dead-letters/letter-views.ts';
import type { DeadLetterRow } from '../../../control-plane/store/dead-letters.ts';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { aGrant, anIdentity } from '../api/identities.ts';

const ORDER = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'amount', type: 'long' },
    { name: 'team', type: 'string' },
  ],
} as const;
const BATCH = {
  type: 'record',
  name: 'OrderBatch',
  'mds.batch': 'events',
  fields: [{ name: 'events', type: { type: 'array', items: ORDER } }],
} as const;
const schemas = new Map<number, unknown>([
  [1, ORDER],
  [2, BATCH],
]);
const decoding = new LetterDecoding({
  getSchemaById: async (id) => (schemas.has(id) ? { schema: JSON.stringify(schemas.get(id)) } : 'unknown'),
});
const encode = (schemaId: 1 | 2, value: unknown): Uint8Array =>
  encodeConfluent(schemaId, avsc.Type.forSchema(schemas.get(schemaId) as avsc.Schema).toBuffer(value));
const order = (team: string) => ({ amount: 1, team });

const admin = anIdentity({ roles: ['admin'] });
const reader = anIdentity({ grants: [aGrant(['subscribe'], ['orders'])] });
const teamA = anIdentity({ grants: [aGrant(['subscribe'], ['orders'], 'team == "a"')] });
const manager = anIdentity({ grants: [aGrant(['manage'], ['orders'])] });
const managerOfA = anIdentity({ grants: [aGrant(['subscribe', 'manage'], ['orders'], 'team == "a"')] });

const view = (
  identity: Identity,
  value: Uint8Array | null,
  index: number | null,
  schemaJson: string | null = JSON.stringify(ORDER),
) => {
  const row = { tenant: 'acme', topic: 'orders', index } as DeadLetterRow; // nothing else of it is looked at
  return viewOf(decoding, identity, row, schemaJson, value);
};

t.test('who may read all sees the record; who may only manage sees that it is there', async (t) => {
  const value = encode(1, order('b'));
  t.equal(await view(admin, value, 0), 'whole');
  t.equal(await view(reader, value, 0), 'whole');
  t.equal(await view(manager, value, 0), 'hidden');
  t.equal(isContentSeen(manager, 'orders'), false);
  t.equal(isContentSeen(reader, 'orders'), true);
});

t.test('who may read in part sees events that pass, and no record with one that does not', async (t) => {
  t.equal(await view(teamA, encode(1, order('a')), 0), 'whole');
  t.equal(await view(teamA, encode(1, order('b')), 0), 'nothing');
  const mixed = encode(2, { events: [order('a'), order('b')] });
  t.equal(await view(teamA, mixed, 0), 'event', 'the one, without the record');
  t.equal(await view(teamA, mixed, 1), 'nothing');
  t.equal(await view(teamA, mixed, null), 'nothing', 'the whole record');
  t.equal(await view(teamA, encode(2, { events: [order('a'), order('a')] }), null), 'whole');
  t.equal(await view(managerOfA, encode(1, order('b')), 0), 'nothing');
  t.equal(isContentSeen(managerOfA, 'orders'), false, 'in a list nothing has looked at the event');
});

t.test('letters of a topic that is gone are for those who could read all of it', async (t) => {
  const value = encode(1, order('b'));
  t.equal(await view(admin, value, 0, null), 'whole');
  t.equal(await view(reader, value, 0, null), 'whole');
  t.equal(await view(teamA, value, 0, null), 'nothing');
  t.equal(await view(teamA, encode(1, order('a')), 0, null), 'nothing');
  t.equal(await view(manager, value, 0, null), 'hidden');
});

t.test('where nobody can tell whether an event passes, it is not shown', async (t) => {
  const passing = encode(1, order('a'));
  t.equal(await view(teamA, null, 0), 'nothing', 'its bytes are gone');
  t.equal(await view(teamA, passing.subarray(0, 6), 0), 'nothing', 'it cannot be decoded');
  t.equal(await view(teamA, Buffer.from('text'), null), 'nothing');
  t.equal(await view(teamA, encodeConfluent(9, Buffer.alloc(3)), 0), 'nothing', 'its schema is unknown');
  const other = JSON.stringify({ type: 'record', name: 'O', fields: [{ name: 'amount', type: 'long' }] });
  t.equal(await view(teamA, passing, 0, other), 'nothing', 'the topic has no such field any more');
});
