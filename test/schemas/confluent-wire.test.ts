import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { CONFLUENT_HEADER_BYTES, encodeConfluent, readSchemaId } from '../../schemas/confluent-wire.ts';
import { embedded, RUNS } from './damage.ts';

const anyId = fc.integer({ min: 0, max: 0xffffffff });

t.test('id and body come back', async () => {
  fc.assert(
    fc.property(anyId, fc.uint8Array(), (schemaId, body) => {
      const record = embedded(encodeConfluent(schemaId, body));
      assert.equal(readSchemaId(record), schemaId);
      assert.deepEqual(Uint8Array.from(record.subarray(CONFLUENT_HEADER_BYTES)), body);
    }),
    { numRuns: RUNS },
  );
});

t.test('the id is big endian behind the magic byte, as the registry documents it', async (t) => {
  t.strictSame([...encodeConfluent(0x01020304, Uint8Array.of(9))], [0, 1, 2, 3, 4, 9]);
});

t.test('what is shorter than the header or begins otherwise has no id', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      const isFramed = bytes.length >= CONFLUENT_HEADER_BYTES && bytes[0] === 0;
      assert.equal(readSchemaId(embedded(bytes)) !== null, isFramed);
    }),
    { numRuns: RUNS },
  );
  for (let length = 0; length < CONFLUENT_HEADER_BYTES; length++)
    t.equal(readSchemaId(embedded(new Uint8Array(length))), null);
});
