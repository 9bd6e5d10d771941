// Draws random histories of a kernel: two topics with evolved writers, single and batch records in every encoding Avro
// allows, some of them damaged, and channels that come and go between slabs of all sizes.

import type { AvroRecord } from '../../../../schemas/avro/avro-type.ts';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { MdsError } from '../../../../schemas/errors.ts';
import { channelIdOf, makePlan, type PlanRequest } from '../../../../schemas/plan/plan.ts';
import { type Choose, pick } from '../../../schemas/plan/pools.ts';
import { randomFilter } from '../../../schemas/plan/random-filter.ts';
import { indexFilters } from './index-filter.ts';
import type { CaseChange, CaseRecord, CaseStep, KernelCase, PlannedChannel } from './kernel-case.ts';
import { type RichTopic, type RichWriter, richTopic } from './rich-schemas.ts';
import { richValue } from './rich-values.ts';
import { avroBytes } from './wire-writer.ts';

const LANES = ['edge-a', 'edge-b', 'edge-c'];

interface Source {
  readonly topicId: number;
  readonly topic: RichTopic;
  readonly slots: readonly number[];
  readonly writers: readonly (RichWriter & { readonly schemaId: number })[];
}

export function deepCase(choose: Choose): KernelCase {
  const sources = [aSource(7, [0, 1], choose)];
  if (choose(3) === 0) sources.push(aSource(8, [2], choose));
  // Most cases have a handful of channels; some have enough for every path of an index.
  const isCrowded = choose(25) === 0;
  const plans = sources.flatMap((source) => plansFor(source, isCrowded ? 20 + choose(150) : 1 + choose(10), choose));
  const steps = Array.from({ length: isCrowded ? 2 : 1 + choose(4) }, (_, i) =>
    aStep(i === 0, sources, plans, isCrowded, choose),
  );
  return {
    envelopeBytes: pick(choose, [200, 1000, 100_000]),
    topics: sources.map(({ topicId, topic }) => ({ topicId, schema: topic.json })),
    writers: sources.flatMap(({ writers }) => writers.map(({ schemaId, json }) => ({ schemaId, schema: json }))),
    partitions: sources.flatMap(({ topicId, slots }) => slots.map((slot) => ({ slot, topicId }))),
    plans,
    steps,
  };
}

function aSource(topicId: number, slots: readonly number[], choose: Choose): Source {
  const topic = richTopic(choose);
  const writers = topic.writers.map((writer, i) => ({ ...writer, schemaId: topicId * 1000 + i }));
  return { topicId, topic, slots, writers };
}

/** No two with the same channel. */
function plansFor({ topicId, topic }: Source, count: number, choose: Choose): PlannedChannel[] {
  const readable = filterable(topic.type);
  const indexFilter = indexFilters(readable, choose);
  const plans = new Map<string, PlannedChannel>();
  for (let i = 0; i < count; i++) {
    const filter = choose(2) === 0 ? indexFilter() : choose(8) === 0 ? '' : randomFilter(readable, choose);
    if (isMisjudged(filter)) continue;
    const format = choose(4) === 0 ? 'avro' : 'json';
    const fields = format === 'json' && choose(3) === 0 ? projection(topic, choose) : undefined;
    const request: PlanRequest = { filter, format, ...(fields ? { fields } : {}) };
    try {
      plans.set(channelIdOf(topicId, makePlan(request, topic.type)), { topicId, request });
    } catch (error) {
      // Random filters over rich types do not always type-check, and some paths lead nowhere.
      if (!(error instanceof MdsError)) throw error;
    }
  }
  return [...plans.values()];
}

/** Without names that every JavaScript object has: the CEL library behind the model does not find such a field. */
const filterable = (record: AvroRecord): AvroRecord => ({
  ...record,
  fields: record.fields.filter(({ name }) => !(name in {})),
});

/** The order of enum symbols inside filter() is the plan's and not the writer's: a known fault of the filter compiler. */
const isMisjudged = (filter: string): boolean => /\.filter\(item, [^|&]*[<>]/.test(filter);

function projection({ type }: RichTopic, choose: Choose): readonly string[] {
  const paths = type.fields.flatMap((field) => {
    if (field.type.kind === 'record') return field.type.fields.map(({ name }) => `${field.name}.${name}`);
    if (field.type.kind === 'map') return [field.name, `${field.name}.a`, `${field.name}.region`];
    return [field.name];
  });
  return Array.from({ length: 1 + choose(3) }, () => pick(choose, paths));
}

function aStep(
  isFirst: boolean,
  sources: readonly Source[],
  plans: readonly PlannedChannel[],
  isCrowded: boolean,
  choose: Choose,
): CaseStep {
  const changes: CaseChange[] = [];
  if (isFirst) {
    plans.forEach((_, plan) => {
      if (choose(4) > 0) changes.push({ kind: 'add', lane: pick(choose, LANES), plan });
      if (choose(4) === 0) changes.push({ kind: 'add', lane: pick(choose, LANES), plan });
    });
  } else if (plans.length > 0) {
    for (let i = choose(isCrowded ? 40 : 6); i > 0; i--) changes.push(aChange(plans.length, choose));
  }
  const records = Array.from({ length: choose(isCrowded ? 3 : 6) }, () => aRecord(pick(choose, sources), choose));
  const outputBytes = pick(choose, [100, 300, 2000, 100_000, 1_000_000]);
  return { changes, records, outputBytes, watermark: choose(3) === 0 };
}

function aChange(planCount: number, choose: Choose): CaseChange {
  const lane = pick(choose, LANES);
  if (choose(12) === 0) return { kind: 'drop-lane', lane };
  const kind = pick(choose, ['add', 'add', 'remove', 'remove-older'] as const);
  return { kind, lane, plan: choose(planCount) };
}

function aRecord({ slots, writers }: Source, choose: Choose): CaseRecord {
  const place = { slot: pick(choose, slots), hole: choose(8) === 0 ? choose(3) : 0 };
  if (choose(30) === 0) return { ...place, value: null };
  const { type, schemaId } = pick(choose, writers);
  const isCanonical = choose(3) === 0;
  const body = avroBytes(type, richValue(type, choose), isCanonical ? undefined : choose);
  const record = encodeConfluent(schemaId, choose(20) === 0 ? damaged(body, choose) : body);
  return { ...place, value: Buffer.from(record).toString('hex') };
}

function damaged(body: Uint8Array, choose: Choose): Uint8Array {
  if (body.length === 0 || choose(2) === 0) return body.subarray(0, choose(body.length + 1));
  const copy = Uint8Array.from(body);
  copy[choose(copy.length)] = choose(256);
  return copy;
}
