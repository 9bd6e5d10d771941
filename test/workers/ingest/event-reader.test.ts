// Events as they come in at the door: what is read, what is refused and where, and that the quick way of encoding is the long
// way's.

import avsc from 'avsc';
import fc from 'fast-check';
import t from 'tap';
import { eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { avscTypeOf } from '../../../schemas/avro/decoded-event.ts';
import { eventFromJson } from '../../../schemas/avro/event-json.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { encoderOf } from '../../../workers/ingest/avro/encoder.ts';
import { AvroOutput } from '../../../workers/ingest/avro/output.ts';
import type { EventBatch } from '../../../workers/ingest/event-batch.ts';
import { EventReader, type Writer } from '../../../workers/ingest/event-reader.ts';
import { recordsOf } from '../../../workers/ingest/kafka-records.ts';
import { aMonitoringTopic, aTopic, json, MONITORING_EVENT } from './an-ingest-topic.ts';

const reader = new EventReader(aTopic(), 10);
const anEvent = (id: string) => ({ id, host: 'web-1' });
const idsOf = ({ events }: EventBatch) => events.map(({ eventId }) => eventId);

t.test('an event that is not valid is rejected with its place, and the others go on', async (t) => {
  const batch = reader.json(json([{ id: 'a' }, { ...anEvent('b'), vlaue: 1 }, anEvent('c')]));
  t.match(batch.results, [
    { index: 0, status: 'rejected', code: 'MDS_EVENT_INVALID', path: '$.host' },
    { index: 1, status: 'rejected', detail: /did you mean value\?/ },
  ]);
  t.same(idsOf(batch), ['c']);
});

t.test('one event a line: one that is not JSON is rejected by its number and its line', async (t) => {
  const text = `${JSON.stringify(anEvent('a'))}\n{"id":\n\n${JSON.stringify(anEvent('b'))}\n{"id":1,"host":"h"}`;
  const { events, results } = reader.lines(Buffer.from(text));
  t.same(
    events.map(({ index, eventId, key }) => [index, eventId, key]),
    [
      [0, 'a', 'web-1'],
      [2, 'b', 'web-1'],
    ],
  );
  t.match(results, [
    { index: 1, line: 2, status: 'rejected', path: '$', detail: /not JSON/ },
    { index: 3, line: 5, status: 'rejected', path: '$.id' },
  ]);
});

t.test('a body that is no JSON, no UTF-8, or too many events, is refused whole', async (t) => {
  t.throws(() => reader.json(Buffer.from('[{')), { code: 'MDS_REQUEST_INVALID' });
  t.throws(() => reader.lines(Buffer.from([0x22, 0xff, 0x22])), { code: 'MDS_REQUEST_INVALID' });
  const many = Array.from({ length: 11 }, (_, i) => anEvent(String(i)));
  t.throws(() => reader.json(json(many)), { code: 'MDS_REQUEST_INVALID' });
  t.throws(() => reader.lines(Buffer.from(many.map((event) => JSON.stringify(event)).join('\n'))), {
    code: 'MDS_REQUEST_INVALID',
  });
});

t.test("an event that does not say its tenant has the topic's", async (t) => {
  const topic = { ...aMonitoringTopic(), tenant: 'shop' };
  const { bytes } = new EventReader(topic, 10).json(
    json([{ id: 'a', service: 's', host: 'h', kind: 'LOG', name: 'n', timestamp: 1 }]),
  );
  t.match(avscTypeOf(avsc, JSON.parse(MONITORING_EVENT)).fromBuffer(bytes), { tenant: 'shop', severity: 'INFO' });
});

t.test('a time that no long of the schema can hold is rejected, and is no bug', async (t) => {
  const nanos = { type: 'long', logicalType: 'timestamp-nanos' };
  const schema = JSON.stringify({ type: 'record', name: 'E', fields: [{ name: 'at', type: nanos }] });
  const { results } = new EventReader(aTopic({ schema }), 10).json(json({ at: '9999-01-01T00:00:00Z' }));
  t.match(results, [{ status: 'rejected', code: 'MDS_EVENT_INVALID' }]);
});

/** A record as `recordsOf` makes it, read again as the door reads Avro. */
function again(batch: EventBatch, from: EventReader): EventBatch {
  const record = recordsOf(batch, batch.events)[0];
  const body = Buffer.from(record?.value ?? []);
  return from.avro(body, from.writers.get(body.readUInt32BE(1)) as Writer);
}

t.test('Avro: a batch record, or one event, is read with its ids and keys', async (t) => {
  for (const count of [1, 3]) {
    const batch = reader.json(json(Array.from({ length: count }, (_, i) => anEvent(`e${i}`))));
    const read = again(batch, reader);
    t.same(idsOf(read), idsOf(batch));
    t.same(read.schema, count === 1 ? { event: 7, batch: null } : { event: null, batch: 8 });
    t.equal(read.events[0]?.key, 'web-1');
  }
});

t.test('Avro: what is cut off, damaged, or too much is refused whole', async (t) => {
  const batch = reader.json(json([anEvent('a'), anEvent('b')]));
  const body = Buffer.from(recordsOf(batch, batch.events)[0]?.value ?? []);
  const writer = reader.writers.get(8) as Writer;
  t.throws(() => reader.avro(body.subarray(0, -3), writer), { code: 'MDS_RECORD_TRUNCATED' });
  t.throws(() => reader.avro(Buffer.concat([body, Buffer.from([1])]), writer), { code: 'MDS_RECORD_TRAILING_BYTES' });
  const damaged = Buffer.from(body);
  damaged[7] = 0xff;
  t.throws(() => reader.avro(damaged, writer), { code: 'MDS_RECORD_CORRUPT' });
  const many = reader.json(json(Array.from({ length: 10 }, (_, i) => anEvent(String(i)))));
  t.throws(() => again(many, new EventReader(aTopic(), 9)), { code: 'MDS_REQUEST_INVALID' });
});

const RICH = {
  type: 'record',
  name: 'Rich',
  fields: [
    { name: 'text', type: 'string' },
    { name: 'int', type: 'int', default: 7 },
    { name: 'long', type: 'long' },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
    { name: 'number', type: 'double' },
    { name: 'small', type: ['null', 'float'], default: null },
    { name: 'flag', type: ['boolean', 'null'] },
    { name: 'level', type: { type: 'enum', name: 'L', symbols: ['A', 'B'] }, default: 'B' },
    { name: 'labels', type: { type: 'map', values: ['null', 'string'] }, default: {} },
    { name: 'list', type: { type: 'array', items: 'long' }, default: [] },
    { name: 'either', type: ['string', 'long'], default: 'x' },
    { name: 'bytes', type: ['null', 'bytes'], default: null },
    { name: 'next', type: ['null', 'Rich'], default: null },
  ],
} as const;

const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.boolean(),
  fc.constantFrom(null, 'A', 'B', '2026-01-31T12:00:00.123456Z', '12', 'NaN', 2 ** 53, 1e300, -0, [], {}, [1], {
    a: null,
  }),
  fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.constant(null)), { maxKeys: 3 }),
  fc.array(fc.maxSafeInteger(), { maxLength: 3 }),
);
const fitting = fc.record(
  {
    text: fc.string({ unit: 'binary', maxLength: 200 }),
    int: fc.integer(),
    long: fc.maxSafeInteger(),
    at: fc.oneof(fc.maxSafeInteger(), fc.constantFrom('2026-01-31T12:00:00.123456Z', '1969-12-31T23:59:59.9Z')),
    number: fc.double(),
    small: fc.option(fc.float()),
    flag: fc.option(fc.boolean()),
    level: fc.constantFrom('A', 'B'),
    labels: fc.dictionary(fc.string(), fc.option(fc.string()), { maxKeys: 4 }),
    list: fc.array(fc.maxSafeInteger(), { maxLength: 4 }),
  },
  { requiredKeys: ['text', 'long', 'at', 'number'] },
);

t.test('the quick encoder writes what the long way writes, or says that it cannot', async (t) => {
  const record = parseAvroSchema(RICH);
  if (record.kind !== 'record') throw new Error('it is a record');
  const encode = encoderOf(eventSchemaOf(record));
  const type = avscTypeOf(avsc, RICH);
  let quick = 0;
  fc.assert(
    fc.property(
      fitting,
      fc.constantFrom(...RICH.fields.map(({ name }) => name), 'other', ''),
      anything,
      (event, name, value) => {
        const input: unknown = JSON.parse(JSON.stringify(name === '' ? event : { ...event, [name]: value }));
        const out = new AvroOutput();
        if (!encode(out, input)) return;
        quick++;
        const long = type.toBuffer(eventFromJson(input, record, { index: 0 }));
        if (!long.equals(out.bytes.subarray(0, out.at)))
          throw new Error(`it is written differently: ${JSON.stringify(input)}`);
      },
    ),
    { numRuns: Number(process.env.MDS_PROPERTY_CASES ?? 2000) },
  );
  t.ok(quick > 100, `${quick} were written the quick way`);
});
