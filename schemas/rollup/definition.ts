// What a topic's rollup keeps: which fields and labels of an event form its series, which field is its value and which its
// time. A rollup never changes; another definition is another rollup, which begins at the first record that Kafka holds.

import { type Static, Type } from 'typebox';
import { type AvroField, type AvroRecord, type AvroType, nullableBranch } from '../avro/avro-type.ts';
import { MdsError } from '../errors.ts';
import { nearestName } from '../nearest-name.ts';

/** 10,000 series of one value a second are 0.5 GB a day in blocks of minutes. */
export const DEFAULT_MAX_SERIES = 10_000;
const MAX_SERIES_LIMIT = 200_000;
const MAX_DIMENSIONS = 16;

const FieldName = Type.String({ minLength: 1, maxLength: 200 });

export const RollupDefinition = Type.Object(
  {
    fields: Type.Array(FieldName, {
      maxItems: MAX_DIMENSIONS,
      description: 'Fields of type string, enum, boolean or int whose values, together with the labels, form a series.',
    }),
    labels: Type.Union([Type.Literal('all'), Type.Array(FieldName, { maxItems: MAX_DIMENSIONS })], {
      description: 'Keys of the field `labels` that belong to the series; all: every one.',
    }),
    value: Type.Union([FieldName, Type.Null()], {
      description: 'Numeric field that is aggregated; null: events are only counted.',
    }),
    time: Type.Union([FieldName, Type.Null()], {
      description: 'Field of a timestamp type; null: when Kafka got the record.',
    }),
    maxSeries: Type.Integer({
      minimum: 1,
      maximum: MAX_SERIES_LIMIT,
      description: `Further series are counted together as overflow. Default ${DEFAULT_MAX_SERIES}.`,
    }),
  },
  { additionalProperties: false },
);
export type RollupDefinition = Static<typeof RollupDefinition>;

export const LABELS_FIELD = 'labels';
const DEFAULT_FIELDS: readonly string[] = ['name', 'service', 'host', 'kind'];
const DIMENSION_KINDS: ReadonlySet<AvroType['kind']> = new Set(['string', 'enum', 'boolean', 'int']);
const VALUE_KINDS: ReadonlySet<AvroType['kind']> = new Set(['int', 'long', 'float', 'double']);

/** Microseconds of one unit of a timestamp's logical type. */
export const TIMESTAMP_MICROS: Readonly<Record<string, number>> = {
  'timestamp-millis': 1000,
  'timestamp-micros': 1,
  'timestamp-nanos': 0.001,
};

/** What a topic gets when nobody said otherwise: as much of a MonitoringEvent as its schema has. */
export function defaultDefinition(record: AvroRecord): RollupDefinition {
  const value = record.fields.find(({ name }) => name === 'value');
  const time = record.fields.find((field) => field.name === 'timestamp' && isTime(field));
  return {
    fields: DEFAULT_FIELDS.filter((name) => record.fields.some((field) => field.name === name && isDimension(field))),
    labels: record.fields.some(isLabels) ? 'all' : [],
    value: value && isValue(value) ? value.name : null,
    time: time?.name ?? null,
    maxSeries: DEFAULT_MAX_SERIES,
  };
}

/** @throws MdsError `MDS_ROLLUP_INVALID` with the first problem */
export function checkDefinition({ fields, labels, value, time }: RollupDefinition, record: AvroRecord): void {
  for (const name of fields) {
    check(record, name, isDimension, 'a field of type string, enum, boolean or int');
    if (fields.indexOf(name) !== fields.lastIndexOf(name)) throw invalid(`the field ${name} stands twice`);
  }
  if ((labels === 'all' || labels.length > 0) && !record.fields.some(isLabels)) {
    throw invalid(`the topic's events have no field ${LABELS_FIELD} that is a map of strings`);
  }
  if (value !== null) check(record, value, isValue, 'a numeric field');
  if (time !== null) check(record, time, isTime, 'a field of type timestamp-millis, -micros or -nanos');
}

function check(record: AvroRecord, name: string, fits: (field: AvroField) => boolean, wanted: string): void {
  const field = record.fields.find((candidate) => candidate.name === name);
  if (field && fits(field)) return;
  const near = nearestName(
    name,
    record.fields.filter(fits).map((candidate) => candidate.name),
  );
  throw invalid(`${name} is not ${wanted}${near === undefined ? '' : ` (did you mean ${near}?)`}`);
}

/** A union of null and one type is that type, which may be absent. */
const bareOf = (type: AvroType): AvroType => nullableBranch(type) ?? type;
const isDimension = ({ type }: AvroField): boolean => DIMENSION_KINDS.has(bareOf(type).kind);
const isValue = ({ type }: AvroField): boolean => VALUE_KINDS.has(bareOf(type).kind);
const isLabels = ({ name, type }: AvroField): boolean =>
  name === LABELS_FIELD && type.kind === 'map' && type.values.kind === 'string';

function isTime({ type }: AvroField): boolean {
  const bare = bareOf(type);
  return bare.kind === 'long' && bare.logical !== undefined && bare.logical.name in TIMESTAMP_MICROS;
}

const invalid = (reason: string): MdsError => new MdsError('MDS_ROLLUP_INVALID', { reason });

/** A series' identity: a value for each field of the definition, null where the event has none, and its labels. */
export interface SeriesDimensions {
  readonly fields: readonly (string | number | boolean | null)[];
  readonly labels: Readonly<Record<string, string>>;
}

/** The same text for the same series, whatever the order of its labels. */
export function seriesKeyOf({ fields, labels }: SeriesDimensions): string {
  return JSON.stringify([fields, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** @param key from `seriesKeyOf` */
export function dimensionsOf(key: string): SeriesDimensions {
  const [fields, labels]: [SeriesDimensions['fields'], [string, string][]] = JSON.parse(key);
  return { fields, labels: Object.fromEntries(labels) };
}
