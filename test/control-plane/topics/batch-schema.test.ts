// Schemas that may become a topic's, and the batch schema made of them.

import t from 'tap';
import { batchSchemaOf, checkEventSchema } from '../../../control-plane/topics/batch-schema.ts';
import { readKnownSchemas } from '../../../control-plane/topics/known-schemas.ts';
import { eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';

const order = { type: 'record', name: 'Order', namespace: 'shop', fields: [{ name: 'amount', type: 'long' }] };

t.test('the batch schema holds the event schema and is recognised as a batch', async (t) => {
  const batch = parseAvroSchema(batchSchemaOf(order));
  t.match(batch, { kind: 'record', name: 'shop.OrderBatch', batchField: 'events' });
  if (batch.kind === 'record') t.same(eventSchemaOf(batch), parseAvroSchema(order));
});

t.test('a full name gives its namespace, no namespace stays none', async (t) => {
  t.match(batchSchemaOf({ ...order, name: 'a.b.Order' }), { name: 'OrderBatch', namespace: 'a.b' });
  const { namespace: _, ...bare } = order;
  const batch = batchSchemaOf(bare);
  t.equal(batch.name, 'OrderBatch');
  t.notOk('namespace' in batch);
});

t.test('the batch schema of the default event is the one in schemas/', async (t) => {
  const { monitoringEvent } = await readKnownSchemas();
  checkEventSchema(monitoringEvent);
  t.match(batchSchemaOf(monitoringEvent), {
    name: 'MonitoringEventBatch',
    namespace: 'mds.events',
    'mds.batch': 'events',
  });
});

t.test('only a record of one event may become the schema of a topic', async (t) => {
  t.throws(() => checkEventSchema({ type: 'enum', name: 'E', symbols: ['A'] }), { code: 'MDS_SCHEMA_NOT_RECORD' });
  t.throws(() => checkEventSchema(batchSchemaOf(order)), { code: 'MDS_SCHEMA_NOT_RECORD' });
  t.throws(() => checkEventSchema({ type: 'record', name: 'Order' }), { code: 'MDS_SCHEMA_INVALID' });
});
