// Writers' schemas by registry id: what a consumer of raw Avro needs to decode an event.

import { type Static, Type } from 'typebox';

export const WriterSchema = Type.Object({
  schemaId: Type.Integer({ minimum: 0 }),
  schema: Type.Unknown({ description: 'Avro JSON as it was registered: of a single event, or of a batch record.' }),
  eventSchema: Type.Unknown({
    description: 'Avro JSON of one event, self-contained: with it, an event of mds.v1.avro with this id is decoded.',
  }),
});
export type WriterSchema = Static<typeof WriterSchema>;
