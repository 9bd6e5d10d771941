// Filters tried on events of a schema that has something for every kind of access.

import avsc from 'avsc';
import { parseAvroSchema } from '../../../../schemas/avro/parse.ts';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { channelIdOf, makePlan, type Plan } from '../../../../schemas/plan/plan.ts';
import type { MeasureAnswer, NamedSchema } from '../../../../workers/stream/explain/explain-task.ts';
import { FilterTrial, type TrialTimes } from '../../../../workers/stream/explain/filter-trial.ts';
import { SLAB_HEADER_BYTES, SlabWriter, slabBytesOf } from '../../../../workers/stream/slab.ts';

export const SCHEMA_ID = 3;
export const SCHEMA = {
  type: 'record',
  name: 'Sample',
  fields: [
    { name: 'host', type: 'string' },
    { name: 'value', type: 'double' },
    { name: 'severity', type: { type: 'enum', name: 'Severity', symbols: ['INFO', 'WARNING', 'ERROR', 'FATAL'] } },
    { name: 'labels', type: { type: 'map', values: 'string' } },
    { name: 'message', type: 'string' },
    { name: 'extra', type: 'string', default: 'none' },
  ],
};

/** Without the last field, as an older producer writes. */
export const OLDER_ID = 2;
export const OLDER_SCHEMA = { ...SCHEMA, fields: SCHEMA.fields.slice(0, -1) };
export const BATCH_ID = 4;
export const BATCH_SCHEMA = {
  type: 'record',
  name: 'Samples',
  'mds.batch': 'samples',
  fields: [{ name: 'samples', type: { type: 'array', items: SCHEMA } }],
};

export interface Sample {
  readonly host: string;
  readonly value: number;
  readonly severity: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly message: string;
  readonly extra: string;
}

export const aSample = (n: number): Sample => ({
  host: `h${n % 10}`,
  value: n % 100,
  severity: SCHEMA_SYMBOLS[n % 4] ?? 'INFO',
  labels: n % 5 === 0 ? { region: 'eu-1' } : {},
  message: `message ${n % 3}`,
  extra: 'none',
});
const SCHEMA_SYMBOLS = ['INFO', 'WARNING', 'ERROR', 'FATAL'];

const TYPES = new Map([
  [SCHEMA_ID, avsc.Type.forSchema(SCHEMA as avsc.Schema)],
  [OLDER_ID, avsc.Type.forSchema(OLDER_SCHEMA as avsc.Schema)],
  [BATCH_ID, avsc.Type.forSchema(BATCH_SCHEMA as unknown as avsc.Schema)],
]);

export function encodeSample(value: unknown, schemaId = SCHEMA_ID): Uint8Array {
  const type = TYPES.get(schemaId);
  if (!type) throw new Error(`there is no schema ${schemaId}`);
  return encodeConfluent(schemaId, type.toBuffer(value));
}

export const NAMED_SCHEMAS: readonly NamedSchema[] = [
  { schemaId: SCHEMA_ID, text: JSON.stringify(SCHEMA) },
  { schemaId: OLDER_ID, text: JSON.stringify(OLDER_SCHEMA) },
  { schemaId: BATCH_ID, text: JSON.stringify(BATCH_SCHEMA) },
];

export function slabWith(values: readonly (Uint8Array | null)[]): SharedArrayBuffer {
  const records = values.map((value, offset) => ({ slot: 0, offset, timestampMs: 0, receivedMs: 0, value, key: null }));
  const writer = new SlabWriter(records.reduce((bytes, record) => bytes + slabBytesOf(record), SLAB_HEADER_BYTES));
  for (const record of records) writer.append(record);
  return writer.memory;
}

export const aPlan = (filter: string): Plan => makePlan({ filter }, parseAvroSchema(SCHEMA));

const QUICK: TrialTimes = { countMs: 60_000, warmMs: 1, measureMs: 1, settledMs: 0, turnMs: 60_000 };

/** @param skips events to leave out at the beginning of each record @param mandatory only events that it lets through may be read */
export function tried(
  filter: string,
  values: readonly Uint8Array[],
  {
    skips = [],
    times = QUICK,
    nowMs = () => performance.now(),
    schemas = NAMED_SCHEMAS,
    mandatory,
  }: {
    readonly skips?: readonly number[];
    readonly times?: TrialTimes;
    readonly nowMs?: () => number;
    readonly schemas?: readonly NamedSchema[];
    readonly mandatory?: string;
  } = {},
): MeasureAnswer {
  const plan = aPlan(filter);
  const picks = Uint32Array.from(values.flatMap((_value, place) => [0, place, skips[place] ?? 0]));
  const slabs = [slabWith(values)];
  const demanded = mandatory === undefined ? {} : { mandatory: aPlan(mandatory) };
  const task = { schemas, slabs, picks, topicId: 1, channel: channelIdOf(1, plan), plan, ...demanded };
  return new FilterTrial(task, nowMs, times).run();
}
