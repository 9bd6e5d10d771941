// What is read of an event's bytes, compared with what avsc decodes.

import assert from 'node:assert/strict';
import avro from 'avsc';
import fc from 'fast-check';
import t from 'tap';
import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { defaultDefinition, type RollupDefinition, seriesKeyOf } from '../../../schemas/rollup/definition.ts';
import { SeriesReader } from '../../../workers/rollup/series-reader.ts';
import { generateScanner } from '../../../workers/stream/kernel/scan/scanner.ts';
import { RUNS } from '../../schemas/damage.ts';

const SCHEMA = {
  type: 'record',
  name: 'E',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'kind', type: { type: 'enum', name: 'K', symbols: ['A', 'B'] } },
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'host', type: ['null', 'string'], default: null },
    { name: 'value', type: ['null', 'double'], default: null },
    { name: 'labels', type: { type: 'map', values: 'string' }, default: {} },
    { name: 'timestamp', type: { type: 'long', logicalType: 'timestamp-millis' } },
  ],
} as const;
const recordOf = (json: unknown): AvroRecord => {
  const type = parseAvroSchema(json);
  if (type.kind !== 'record') throw new Error('not a record');
  return type;
};
const record = recordOf(SCHEMA);
const type = avro.Type.forSchema(SCHEMA as unknown as avro.Schema);

interface Sample {
  readonly series: string | null;
  readonly micros: number | null;
  readonly value: number | null;
}
function samplesOf(reader: SeriesReader, bytes: Uint8Array): Sample[] {
  const samples: Sample[] = [];
  reader.record(bytes, 0, bytes.length, (series, micros, value) => samples.push({ series, micros, value }));
  return samples;
}
const readerOf = (definition: RollupDefinition = defaultDefinition(record), writer: unknown = SCHEMA) =>
  new SeriesReader(definition, record, generateScanner(recordOf(writer)));

const anyText = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom('zone', 'a', '', 'é', '日本', '\u0100', '__proto__'),
);
const anyEvent = fc.record({
  name: anyText,
  kind: fc.constantFrom('A', 'B'),
  note: fc.option(anyText),
  host: fc.option(anyText),
  value: fc.option(fc.double({ noNaN: true })),
  labels: fc.dictionary(anyText, anyText, { maxKeys: 4 }),
  timestamp: fc.nat(2 ** 40),
});

t.test('series, time and value are those of the decoded event', async () => {
  const reader = readerOf();
  const some = readerOf({ ...defaultDefinition(record), fields: ['kind'], labels: ['a', 'zone'] });
  fc.assert(
    fc.property(anyEvent, (event) => {
      const { name, kind, host, labels, value, timestamp } = event;
      const bytes = type.toBuffer(event);
      const series = seriesKeyOf({ fields: [name, host, kind], labels });
      assert.deepEqual(samplesOf(reader, bytes), [{ series, micros: timestamp * 1000, value }]);
      const kept = Object.fromEntries(Object.entries(labels).filter(([key]) => ['a', 'zone'].includes(key)));
      assert.equal(samplesOf(some, bytes)[0]?.series, seriesKeyOf({ fields: [kind], labels: kept }));
    }),
    { numRuns: RUNS },
  );
});

t.test('labels in another order are the same series', async (t) => {
  const reader = readerOf();
  const event = { name: 'n', kind: 'A', note: null, host: null, value: null, timestamp: 1 };
  const one = samplesOf(reader, type.toBuffer({ ...event, labels: { a: '1', b: '2' } }));
  const other = samplesOf(reader, type.toBuffer({ ...event, labels: { b: '2', a: '1' } }));
  t.same(one, other);
});

t.test('names that are too long have no series', async (t) => {
  const event = { name: 'n'.repeat(300), kind: 'A', note: null, host: null, value: 1, labels: {}, timestamp: 1 };
  t.same(samplesOf(readerOf(), type.toBuffer(event)), [{ series: null, micros: 1000, value: 1 }]);
});

t.test('what an older writer does not have is what a decoder would give for it', async (t) => {
  const older = { type: 'record', name: 'E', fields: [SCHEMA.fields[0], { name: 'value', type: 'int' }] };
  const bytes = avro.Type.forSchema(older as unknown as avro.Schema).toBuffer({ name: 'n', value: 4 });
  const [sample] = samplesOf(readerOf(undefined, older), bytes);
  t.same(sample, { series: seriesKeyOf({ fields: ['n', null, null], labels: {} }), micros: null, value: 4 });
});
