// What the ingest doors and their callers must agree on, and how doors remember events by their ids.
//
//   {prefix}:ingested:{{topic id}}:{window}:{slice}   hash: event id → "claim,index,at ms", and the claims before it after ';'
//   {prefix}:ingested:{{topic id}}:claim:{claim}      what became of the claim: Kafka has all of its events, at these places
//
// A slice of time is as long as the window, and an id is looked for in the one that runs and the one before: it is remembered
// for one window at least and two at most. A claim without its own key is unsettled. Times are Redis' own.

import { type Static, Type } from 'typebox';

/** Kafka header of what a door has written: "claim ranges", the places that its events have in the claim (`0-499,510`). */
export const CLAIM_HEADER = 'mds-claim';

/** @param prefix as for `redisKeys` */
export const ingestedKeys = (prefix: string, topicId: number) => {
  const common = `${prefix}:ingested:{${topicId}}`;
  return { slices: common, claim: (claim: string): string => `${common}:claim:${claim}`, claims: `${common}:claim:` };
};

const Index = Type.Integer({ minimum: 0, description: 'Place in the request, from 0.' });
const Line = Type.Optional(
  Type.Integer({ minimum: 1, description: 'Line of the body, where it has one event a line.' }),
);
const Partition = Type.Integer({ minimum: 0 });
const Offset = Type.Integer({ minimum: 0 });
const RecordIndex = Type.Integer({ minimum: 0, description: 'Place in the Kafka record: with both, its cursor.' });

export const IngestResult = Type.Union([
  Type.Object(
    { index: Index, status: Type.Literal('accepted'), partition: Partition, offset: Offset, recordIndex: RecordIndex },
    { description: 'Kafka has it, on every in-sync replica.' },
  ),
  Type.Object(
    {
      index: Index,
      status: Type.Literal('duplicate'),
      partition: Type.Union([Partition, Type.Null()]),
      offset: Type.Union([Offset, Type.Null()]),
      recordIndex: Type.Union([RecordIndex, Type.Null()]),
    },
    { description: 'An event with this id was accepted within the window, or stands earlier in the request (null).' },
  ),
  Type.Object(
    {
      index: Index,
      line: Line,
      status: Type.Literal('rejected'),
      code: Type.String(),
      path: Type.String(),
      detail: Type.String(),
    },
    { description: 'It is not valid, and will not be when it is sent again.' },
  ),
  Type.Object(
    { index: Index, status: Type.Literal('failed'), code: Type.String(), detail: Type.String() },
    { description: 'Whether Kafka has it is not known: send it again with the same id.' },
  ),
]);
export type IngestResult = Static<typeof IngestResult>;

export const IngestAnswer = Type.Object({
  accepted: Type.Integer(),
  duplicates: Type.Integer(),
  rejected: Type.Integer(),
  failed: Type.Integer(),
  results: Type.Array(IngestResult, {
    description: 'One for each event, in order; with `Prefer: return=minimal` only those rejected or failed.',
  }),
});
export type IngestAnswer = Static<typeof IngestAnswer>;
