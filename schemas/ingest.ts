// What the ingest door and its callers must agree on, and how it remembers events by their ids.
//
//   ingested:{topic id}:{event id}    "p|claim|at ms"              somebody is producing it
//                                     "d|partition|offset"         Kafka has it
//
// Entries live for the window. Times are Redis' own.

import { type Static, Type } from 'typebox';

/** Kafka header that carries the event's id, so that a record can be found again without decoding it. */
export const EVENT_ID_HEADER = 'mds-event-id';

/** @param prefix as for `redisKeys` */
export const ingestedKey = (prefix: string, topicId: number, eventId: string): string =>
  `${prefix}:ingested:${topicId}:${eventId}`;

const Index = Type.Integer({ minimum: 0, description: 'Place in the request, from 0.' });
const Partition = Type.Integer({ minimum: 0 });
const Offset = Type.Integer({ minimum: 0 });

export const IngestResult = Type.Union([
  Type.Object(
    { index: Index, status: Type.Literal('accepted'), partition: Partition, offset: Offset },
    { description: 'Kafka has it, on every in-sync replica.' },
  ),
  Type.Object(
    {
      index: Index,
      status: Type.Literal('duplicate'),
      partition: Type.Union([Partition, Type.Null()]),
      offset: Type.Union([Offset, Type.Null()]),
    },
    { description: 'An event with this id was accepted within the window, or stands earlier in the request (null).' },
  ),
  Type.Object(
    { index: Index, status: Type.Literal('rejected'), code: Type.String(), path: Type.String(), detail: Type.String() },
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
  results: Type.Array(IngestResult, { description: 'One for each event, in order.' }),
});
export type IngestAnswer = Static<typeof IngestAnswer>;
