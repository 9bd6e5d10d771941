// Managing a topic after its creation: growing it, its retention, what it holds, and the versions of its schema.

import { type Static, Type } from 'typebox';
import { listOf } from './paging.ts';
import { AvroSchemaJson, MAX_PARTITIONS, MAX_RETENTION_MS, MIN_RETENTION_MS, Topic } from './topic.ts';

const Count = Type.Integer({ minimum: 0 });
const CountOrNull = Type.Union([Count, Type.Null()]);

export const TopicChange = Type.Object(
  {
    partitions: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_PARTITIONS,
        description:
          'Only more than now. Events with equal keys may go to another partition from then on, so their order is not kept across the change.',
      }),
    ),
    retentionMs: Type.Optional(Type.Integer({ minimum: MIN_RETENTION_MS, maximum: MAX_RETENTION_MS })),
  },
  { additionalProperties: false, minProperties: 1, examples: [{ partitions: 16, retentionMs: 604_800_000 }] },
);
export type TopicChange = Static<typeof TopicChange>;

export const SchemaVersion = Type.Object({
  version: Type.Integer({ minimum: 1 }),
  schemaId: Count,
  isCurrent: Type.Boolean({ description: 'Filters are checked against this one.' }),
  schema: AvroSchemaJson,
});
export type SchemaVersion = Static<typeof SchemaVersion>;
export const SchemaVersionList = listOf(SchemaVersion);
export type SchemaVersionList = Static<typeof SchemaVersionList>;

export const PartitionContent = Type.Object({
  partition: Count,
  lowOffset: Type.Integer({ minimum: 0, description: 'First that still exists.' }),
  highOffset: Type.Integer({ minimum: 0, description: 'One more than the last.' }),
  sizeBytes: Type.Union([Count, Type.Null()], { description: 'On the disk of the fullest replica; null: not known.' }),
});
export type PartitionContent = Static<typeof PartitionContent>;

export const TopicDescription = Type.Object({
  topic: Topic,
  partitions: Type.Array(PartitionContent),
  records: Type.Integer({
    minimum: 0,
    description: 'Offsets that exist; compaction may have taken some of them away.',
  }),
  sizeBytes: CountOrNull,
  inKafka: Type.Object(
    {
      retentionMs: Type.Union([Type.Integer(), Type.Null()], { description: '-1: for ever.' }),
      cleanupPolicy: Type.Union([Type.String(), Type.Null()]),
    },
    { description: 'As the brokers have it; null: not known.' },
  ),
  versions: Type.Array(Type.Omit(SchemaVersion, ['schema'])),
  problems: Type.Array(Type.String(), { description: 'What this answer lacks, and what does not fit.' }),
});
export type TopicDescription = Static<typeof TopicDescription>;

export const DIFFERENCE_KINDS = {
  fieldAdded: 'A field was added.',
  fieldRemoved: 'A field was removed.',
  fieldRenamed: 'A field has another name, with the old one as alias.',
  typeChanged: 'A type was replaced by another one.',
  typeWidened: 'A type was replaced by one that holds all its values.',
  defaultChanged: 'A default was added, changed or removed.',
  symbolAdded: 'A symbol was added to an enum.',
  symbolRemoved: 'A symbol was removed from an enum.',
  branchAdded: 'A type was added to a union.',
  branchRemoved: 'A type was removed from a union.',
  nameChanged: 'A record, enum or fixed has another name.',
  sizeChanged: 'A fixed has another size.',
  meaningChanged: 'The logical type of a value changed.',
} as const;
export type DifferenceKind = keyof typeof DIFFERENCE_KINDS;

export const SchemaDifference = Type.Object({
  path: Type.String({ description: 'Field, as filters name it; empty: the record itself.' }),
  kind: Type.Enum(Object.keys(DIFFERENCE_KINDS)),
  breaks: Type.Boolean({ description: 'Events that were written before could not be read with the new version.' }),
  explanation: Type.String(),
});
export type SchemaDifference = Static<typeof SchemaDifference>;

export const BrokenFilter = Type.Object({
  of: Type.Enum(['subscription', 'route', 'live'], { description: 'live: of clients that are connected now.' }),
  name: Type.String({ description: 'Of the subscription or route; empty for live ones.' }),
  filter: Type.String(),
  code: Type.String(),
  message: Type.String({ description: 'What subscribing would answer with the new version.' }),
});
export type BrokenFilter = Static<typeof BrokenFilter>;

export const SCHEMA_VERDICTS = {
  identical: 'It is the current version.',
  compatible: 'It can be added; every filter that is in use still works.',
  breaksFilters: 'It can be added, but filters that are in use would be refused from then on.',
  incompatible: 'It cannot be added: events that were written before could not be read with it.',
} as const;
export type SchemaVerdict = keyof typeof SCHEMA_VERDICTS;

export const SchemaCheckRequest = Type.Object({ schema: AvroSchemaJson }, { additionalProperties: false });
export const NewSchemaVersion = Type.Object(
  {
    schema: AvroSchemaJson,
    acceptBrokenFilters: Type.Optional(
      Type.Boolean({ default: false, description: 'Also when filters that are in use would be refused from then on.' }),
    ),
  },
  { additionalProperties: false },
);

export const SchemaCheck = Type.Object(
  {
    verdict: Type.Enum(Object.keys(SCHEMA_VERDICTS)),
    explanation: Type.String(),
    registryAccepts: Type.Boolean({ description: 'What the schema registry itself says (level BACKWARD).' }),
    differences: Type.Array(SchemaDifference),
    brokenFilters: Type.Array(BrokenFilter),
    filtersTried: Type.Integer({
      minimum: 0,
      description: 'Of subscriptions, routes and clients; equal ones count once.',
    }),
    isComplete: Type.Boolean({ description: 'False: not all filters in use could be tried; `explanation` says why.' }),
  },
  {
    examples: [
      {
        verdict: 'breaksFilters',
        explanation: SCHEMA_VERDICTS.breaksFilters,
        registryAccepts: true,
        differences: [
          {
            path: 'host',
            kind: 'fieldRemoved',
            breaks: false,
            explanation: 'host was removed; filters that read it are refused.',
          },
        ],
        brokenFilters: [
          {
            of: 'subscription',
            name: 'on-call',
            filter: 'host == "web-1"',
            code: 'MDS_FILTER_UNKNOWN_FIELD',
            message: 'There is no field host.',
          },
        ],
        filtersTried: 12,
        isComplete: true,
      },
    ],
  },
);
export type SchemaCheck = Static<typeof SchemaCheck>;
