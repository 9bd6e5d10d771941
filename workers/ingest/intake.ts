// What all doors do with events once they are read: have them written, and count what became of them.

import avsc from 'avsc';
import type { Metrics } from '../../platform/metrics.ts';
import type { SchemaRegistry } from '../../platform/registry.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { IngestResult } from '../../schemas/ingest.ts';
import type { EventBatch } from './event-batch.ts';
import type { EventQuota } from './event-quota.ts';
import type { EventReader, Writer } from './event-reader.ts';
import type { Ingest } from './ingest.ts';
import type { KnownTopic } from './topic-readers.ts';
import { WriterSchemas } from './writer-schemas.ts';

export interface IntakeOptions {
  readonly ingest: Ingest;
  readonly quota: EventQuota;
  readonly metrics: Metrics;
  readonly registry: Pick<SchemaRegistry, 'getSchemaById'>;
  /** Most events that are written in one turn. */
  readonly turnEvents: number;
}

/** Turns of one request: a point of a histogram is some twenty events, and a sender cannot know that. */
const MAX_TURNS = 10;

export class Intake {
  readonly #options: IntakeOptions;
  readonly #writers: WriterSchemas;
  readonly #events;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#writers = new WriterSchemas(options.registry, avsc);
    this.#events = options.metrics.counter('events_total', 'Events by door and by what became of them', [
      'door',
      'status',
    ]);
  }

  /** @throws MdsError `MDS_QUOTA_EXCEEDED`, or as `Ingest.take` */
  async take(door: string, known: KnownTopic, batch: EventBatch): Promise<readonly IngestResult[]> {
    await this.#options.quota.charge(known.topic.tenant, batch.events.length);
    return this.#take(door, known, batch);
  }

  async #take(door: string, known: KnownTopic, batch: EventBatch): Promise<readonly IngestResult[]> {
    const results = await this.#options.ingest.take(known.topic, batch);
    const counts = { accepted: 0, duplicate: 0, rejected: 0, failed: 0 };
    for (const { status } of results) counts[status]++;
    for (const [status, count] of Object.entries(counts)) if (count > 0) this.#events.inc({ door, status }, count);
    return results;
  }

  /**
   * @param events as JSON
   * @throws MdsError `MDS_REQUEST_INVALID` when they are too many, else as `take`
   */
  async takeObjects(door: string, known: KnownTopic, events: readonly unknown[]): Promise<readonly IngestResult[]> {
    const { turnEvents } = this.#options;
    const limit = MAX_TURNS * turnEvents;
    if (events.length > limit) {
      const problems = [`a request may make ${limit} events, this one makes ${events.length}; send several`];
      throw new MdsError('MDS_REQUEST_INVALID', { problems });
    }
    await this.#options.quota.charge(known.topic.tenant, events.length);
    const results: IngestResult[] = [];
    for (let from = 0; from < events.length; from += turnEvents) {
      const batch = known.reader.objects(events.slice(from, from + turnEvents));
      for (const result of await this.#take(door, known, batch))
        results.push({ ...result, index: result.index + from });
    }
    return results;
  }

  writerOf(reader: EventReader, schemaId: number): Promise<Writer> {
    return this.#writers.find(reader, schemaId);
  }
}
