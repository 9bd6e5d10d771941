import { readFileSync } from 'node:fs';
import avro from 'avsc';
import t from 'tap';
import { readSchemaId } from '../../../schemas/confluent-wire.ts';
import { eventEncoder, eventOf } from '../../../workers/collector/event.ts';
import { recordsOf } from '../../../workers/collector/record-content.ts';
import type { SampleKind } from '../../../workers/collector/sample.ts';
import { aSample } from './a-sample.ts';

const SCHEMA = JSON.parse(
  readFileSync(new URL('../../../schemas/avro/events/MonitoringEvent.avsc', import.meta.url), 'utf8'),
);
const TYPE = avro.Type.forSchema(SCHEMA);
const ORIGIN = { tenant: 'default', host: 'web-1', run: 'r1' };
const TOPIC = { schemaId: 7, batchSchemaId: 8, schema: SCHEMA };
const HEADER_BYTES = 5;

t.test('an event says what was measured, where, when, and has an id of its own', async (t) => {
  const event = eventOf(aSample({ value: 12.5 }), ORIGIN, 3, 1_700_000_000_123.456);
  t.match(event, {
    id: 'web-1-r1-3',
    tenant: 'default',
    host: 'web-1',
    timestamp: 1_700_000_000_123_456,
    name: 'cpu.usage',
    value: 12.5,
    labels: { core: 'all' },
  });
});

t.test('a single event is framed with the id of the topic schema and can be read with it', async (t) => {
  const event = eventOf(aSample({ kind: 'ALERT', message: 'look' }), ORIGIN, 1, 1000);
  const bytes = eventEncoder(TOPIC).single(event);
  t.equal(readSchemaId(bytes), 7);
  t.match({ ...TYPE.fromBuffer(Buffer.from(bytes.subarray(HEADER_BYTES))) }, { kind: 'ALERT', message: 'look' });
});

t.test('a batch is framed with the id of the batch schema and holds all events in order', async (t) => {
  const events = [1, 2, 3].map((sequence) => eventOf(aSample(), ORIGIN, sequence, 1000));
  const bytes = eventEncoder(TOPIC).batch(events);
  const batch = avro.Type.forSchema({
    type: 'record',
    name: 'Batch',
    fields: [{ name: 'events', type: { type: 'array', items: TYPE } }],
  }).fromBuffer(Buffer.from(bytes.subarray(HEADER_BYTES)));
  t.equal(readSchemaId(bytes), 8);
  t.same(
    batch.events.map(({ id }: { id: string }) => id),
    events.map(({ id }) => id),
  );
});

t.test('a topic schema that has gained fields with defaults still fits', async (t) => {
  const schema = { ...SCHEMA, fields: [...SCHEMA.fields, { name: 'origin', type: 'string', default: 'unknown' }] };
  const bytes = eventEncoder({ ...TOPIC, schema }).single(eventOf(aSample(), ORIGIN, 1, 1000));
  const read = avro.Type.forSchema(schema).fromBuffer(Buffer.from(bytes.subarray(HEADER_BYTES)));
  t.equal(read.origin, 'unknown');
});

t.test('readings share a batch record, alerts and changes travel alone, and the order is kept', async (t) => {
  const kinds: readonly SampleKind[] = ['METRIC', 'HEALTH', 'ALERT', 'METRIC', 'CHANGE'];
  const events = kinds.map((kind, at) => eventOf(aSample({ kind }), ORIGIN, at, 1000));
  const records = recordsOf(events);
  t.same(
    records.map((record) => (record.form === 'batch' ? record.events.length : record.event.kind)),
    [2, 'ALERT', 1, 'CHANGE'],
  );
  t.same(recordsOf([]), []);
});
