import t from 'tap';
import { eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { checkKey, keyOf } from '../../../schemas/plan/event-key.ts';

const schema = parseAvroSchema({
  type: 'record',
  name: 'E',
  fields: [
    { name: 'host', type: 'string' },
    { name: 'labels', type: { type: 'map', values: 'string' } },
  ],
});
if (schema.kind !== 'record') throw new Error('not a record');
const RECORD = eventSchemaOf(schema);

t.test('equal values make equal keys, and nothing else does', async (t) => {
  const paths = ['host', 'labels.a.b'];
  const key = keyOf({ host: 'x', labels: { 'a.b': '1' }, value: 1 }, paths);
  t.equal(keyOf({ host: 'x', labels: { 'a.b': '1' }, value: 2 }, paths), key);
  t.not(keyOf({ host: 'x', labels: { 'a.b': '2' } }, paths), key);
  t.not(keyOf({ host: 'x', labels: {} }, paths), key);
  t.equal(keyOf({ host: 'x', labels: {} }, paths), keyOf({ host: 'x' }, paths), 'what is not there is null');
  t.not(keyOf({ host: 'a,b' }, ['host', 'labels']), keyOf({ host: 'a', labels: 'b' }, ['host', 'labels']));
});

t.test('a key of a field that there is not, or that is projected away, is refused', async (t) => {
  t.throws(() => checkKey(['hots'], RECORD, null), { code: 'MDS_PROJECTION_UNKNOWN_FIELD' });
  t.throws(() => checkKey(['labels.region'], RECORD, ['host']), { code: 'MDS_REQUEST_INVALID' });
  t.doesNotThrow(() => checkKey(['labels.region', 'host'], RECORD, ['labels', 'host']));
  t.doesNotThrow(() => checkKey(['host'], RECORD, null));
});
