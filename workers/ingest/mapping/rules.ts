// The shape of a mapping: for each door, how each field of an event is made of facts.
//
//   "service": ["resource:service.name", "=unknown"]                        the first that is there; =text is that text
//   "severity": [{ "from": "severity", "values": { "17": "ERROR" } }]       translated; what is not listed is not there
//   "id": { "hash": ["label:*", "timestamp"], "prefix": "prom-" }           the same for the same facts
//   "id": { "join": ["source", "id"], "with": "/" }
//   "labels": { "from": ["resource:*", "attribute:*"], "without": ["…"] }   later ones win
//   "traceId": null                                                         the field is left out

import { type Static, Type } from 'typebox';

const strict = { additionalProperties: false };
const FactName = Type.String({ minLength: 1, maxLength: 256 });

const Source = Type.Union([
  FactName,
  Type.Object(
    {
      from: FactName,
      values: Type.Optional(Type.Record(Type.String(), Type.String())),
      as: Type.Optional(Type.Enum(['text', 'number'])),
    },
    strict,
  ),
]);
export type Source = Static<typeof Source>;

const Hash = Type.Object(
  {
    hash: Type.Array(FactName, { minItems: 1 }),
    prefix: Type.Optional(Type.String({ maxLength: 64 })),
    /** The second, third… event of a request that has the same facts is another event. */
    repeats: Type.Optional(Type.Boolean()),
  },
  strict,
);
const Join = Type.Object(
  { join: Type.Array(FactName, { minItems: 1 }), with: Type.Optional(Type.String({ maxLength: 16 })) },
  strict,
);
const Labels = Type.Object({ from: Type.Array(FactName), without: Type.Optional(Type.Array(Type.String())) }, strict);

export const Rule = Type.Union([Type.Array(Source, { minItems: 1 }), Hash, Join, Labels]);
export type Rule = Static<typeof Rule>;

export const FIELD_NAME = '^[A-Za-z_][A-Za-z0-9_]*$';

/** A mapping file: doors that it does not name, and fields that it does not name, stay as they are. */
export const MappingFile = Type.Record(Type.String(), Type.Record(Type.String(), Type.Union([Rule, Type.Null()])));
export type MappingFile = Static<typeof MappingFile>;

export type DoorMapping = Readonly<Record<string, Rule>>;
