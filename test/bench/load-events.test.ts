import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import t from 'tap';
import { encodeTemplates, type LoadShape, stamp, templateAt, templateEvents } from '../../bench/load/events.ts';
import { distinctFilter } from '../../bench/load/filters.ts';
import { batchSchemaOf } from '../../control-plane/topics/batch-schema.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { compileFilter } from '../../schemas/plan/evaluate.ts';
import { makePlan } from '../../schemas/plan/plan.ts';

const SHAPE: LoadShape = { partitions: 3, eventsPerRecord: 20, templates: 7, cardinality: 50 };
const SCHEMA = JSON.parse(
  readFileSync(new URL('../../schemas/avro/events/MonitoringEvent.avsc', import.meta.url), 'utf8'),
);
const NOW_US = 1_790_000_000_123_456;

t.test(
  'a stamped record holds the events of its template with the intended time, and nothing else changes',
  async (t) => {
    const type = avsc.Type.forSchema(batchSchemaOf(SCHEMA) as unknown as avsc.Schema);
    const events = templateEvents(SHAPE);
    encodeTemplates(SHAPE, 77).forEach((template, i) => {
      stamp(template, NOW_US);
      t.equal(template.bytes.readUInt32BE(1), 77);
      const { events: read } = type.fromBuffer(template.bytes.subarray(5)) as {
        events: { timestamp: number; id: string }[];
      };
      t.strictSame(
        read.map(({ timestamp, id }) => [timestamp, id]),
        events[i]?.map(({ id }) => [NOW_US, id]),
      );
    });
  },
);

t.test('a single event is a record of its own', async (t) => {
  const shape = { ...SHAPE, eventsPerRecord: 1, single: true };
  const [first] = encodeTemplates(shape, 5);
  const read = avsc.Type.forSchema(SCHEMA).fromBuffer((first?.bytes ?? Buffer.alloc(0)).subarray(5)) as {
    host: string;
  };
  t.equal(read.host, templateEvents(shape)[0]?.[0]?.host);
});

t.test('every place of a topic has its template, and all of them come in turn', async (t) => {
  const seen = new Set<number>();
  for (let offset = 0; offset < SHAPE.templates; offset++) {
    for (let partition = 0; partition < SHAPE.partitions; partition++) seen.add(templateAt(SHAPE, partition, offset));
  }
  t.equal(seen.size, SHAPE.templates);
});

t.test('the plain test of a filter says what its CEL says, and one event in `cardinality` passes', async (t) => {
  const schema = parseAvroSchema(SCHEMA);
  const events = templateEvents({ ...SHAPE, templates: 500 }).flat();
  let passed = 0;
  for (let i = 0; i < 100; i++) {
    const filter = distinctFilter(i, SHAPE);
    const matches = compileFilter(makePlan({ filter: filter.cel }, schema), schema);
    for (const event of events) {
      if (filter.wants(event)) passed++;
      if (matches({ ...event }) !== filter.wants(event)) t.fail(`${filter.cel} on ${JSON.stringify(event)}`);
    }
  }
  const share = passed / (100 * events.length);
  t.ok(share > 0.7 / SHAPE.cardinality && share < 1.3 / SHAPE.cardinality, `${share}`);
});
