// What a door is: one way for senders to speak HTTP. It reads a request into events of the topic, and says in its protocol's
// own words what became of them. Who is at it, and how much it may bring, is decided before (admission.ts).

import type { Problem } from '../../../schemas/api/problem.ts';
import type { IngestResult } from '../../../schemas/ingest.ts';
import type { EventBatch } from '../event-batch.ts';
import type { EventReader, Writer } from '../event-reader.ts';

/** Header names in lower case, as Node gives them. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface DoorRequest {
  readonly reader: EventReader;
  /** Uncompressed, unless it is the door's own encoding. */
  readonly body: Buffer;
  /** Without parameters, in lower case; '' when there is none. */
  readonly mediaType: string;
  readonly headers: Headers;
  readonly nowMicros: number;
  /** Has the events written. @returns a result for each event, in order */
  readonly take: (batch: EventBatch) => Promise<readonly IngestResult[]>;
  /** The same for events as JSON, however many they are: they are taken in several turns. */
  readonly takeObjects: (events: readonly unknown[]) => Promise<readonly IngestResult[]>;
  /** @throws MdsError `MDS_SCHEMA_UNKNOWN_ID`, or `MDS_SCHEMA_INCOMPATIBLE` when it is not one that the topic can read */
  readonly writerOf: (schemaId: number) => Promise<Writer>;
}

export interface DoorAnswer {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string | Uint8Array;
}

export interface Door {
  /** Names it in metrics. */
  readonly name: 'events' | 'otlp' | 'prometheus' | 'alertmanager';
  /** With `:topic` in it. */
  readonly path: string;
  /** A content-encoding that the door undoes itself. */
  readonly ownEncoding?: string;
  handle(request: DoorRequest): Promise<DoorAnswer>;
  /** An error in the protocol's own words. Absent: RFC 9457 problem details. */
  readonly problem?: (problem: Problem, mediaType: string) => DoorAnswer;
}
