import avsc from 'avsc';
import t from 'tap';
import { LetterDecoding } from '../../../control-plane/dead-letters/letter-decoding.ts';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';
import { MdsError } from '../../../schemas/errors.ts';

const ORDER = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'amount', type: 'long' },
    { name: 'note', type: ['null', 'string'] },
  ],
};
const BATCH = {
  type: 'record',
  name: 'OrderBatch',
  'mds.batch': 'events',
  fields: [{ name: 'events', type: { type: 'array', items: ORDER } }],
};
const schemas = new Map<number, unknown>([
  [1, ORDER],
  [2, BATCH],
  [3, 'string'],
]);
const decoding = new LetterDecoding({
  getSchemaById: async (schemaId) => {
    if (schemaId === 99) throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'registry', reason: 'away' });
    const schema = schemas.get(schemaId);
    return schema === undefined ? 'unknown' : { schema: JSON.stringify(schema) };
  },
});
const encode = (schemaId: number, value: unknown): Uint8Array =>
  encodeConfluent(schemaId, avsc.Type.forSchema(schemas.get(schemaId) as avsc.Schema).toBuffer(value));
const plain = (amount: number) => ({ amount, note: 'n' });
const orders = { events: [1, 2, 3].map((amount) => ({ amount, note: 'n' })) };

t.test('an event is shown as it was written, alone or out of its record of many', async (t) => {
  t.match(await decoding.original(encode(1, plain(7)), 0), { schemaId: 1, events: [plain(7)], problem: null });
  t.same((await decoding.original(encode(2, orders), 1)).events, [plain(2)]);
  t.equal((await decoding.original(encode(2, orders), null)).events.length, 3);
  t.match(await decoding.original(encode(2, orders), 3), { events: [], problem: { message: /no event 3/ } });
});

t.test('what cannot be decoded says why', async (t) => {
  const cases: [value: Uint8Array | null, code: string][] = [
    [null, 'MDS_RECORD_CORRUPT'],
    [Buffer.from('text'), 'MDS_RECORD_NOT_FRAMED'],
    [encodeConfluent(4, Buffer.from('x')), 'MDS_SCHEMA_UNKNOWN_ID'],
    [encodeConfluent(3, Buffer.from([2, 65])), 'MDS_SCHEMA_NOT_RECORD'],
    [encode(1, plain(7)).subarray(0, 6), 'MDS_RECORD_CORRUPT'],
  ];
  for (const [value, code] of cases) {
    const { problem, events } = await decoding.original(value, 0);
    t.equal(problem?.code, code);
    t.same(events, []);
  }
});

t.test('a registry that is away is no fact about the record', async (t) => {
  await t.rejects(decoding.original(encodeConfluent(99, Buffer.alloc(1)), 0), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  await t.rejects(decoding.letter(encodeConfluent(99, Buffer.alloc(1))), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  await t.rejects(decoding.letter(Buffer.from('text')), { code: 'MDS_RECORD_NOT_FRAMED' });
  await t.rejects(decoding.letter(encode(1, plain(1))), { code: 'MDS_RECORD_CORRUPT' }, 'an order is no letter');
});
