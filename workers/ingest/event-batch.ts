// A request's events ready to be produced: their Avro bytes, ids and keys; and the answers that are known already, for what
// does not fit the schema and what stands twice in the request.

import type { IngestResult } from '../../schemas/ingest.ts';

export interface EventToIngest {
  /** Place in the request. */
  readonly index: number;
  /** Null: the schema has no `id`, so nothing is known by it. */
  readonly eventId: string | null;
  /** Decides the partition. */
  readonly key: string | null;
  /** Where it stands in the batch's bytes. */
  readonly start: number;
  readonly end: number;
}

/** Ids under which the registry has the schema that the bytes were written with; null: not known, or there is none. */
export interface WriterSchema {
  readonly event: number | null;
  readonly batch: number | null;
}

export interface EventBatch {
  readonly bytes: Buffer;
  /** By rising index; with the results, each place of the request from 0 on is there once. */
  readonly events: readonly EventToIngest[];
  readonly results: readonly IngestResult[];
  readonly schema: WriterSchema;
}
