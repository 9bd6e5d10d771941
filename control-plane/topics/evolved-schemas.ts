// The leader's look at the registry: a producer that evolves its schema registers a new version there, and from then on
// filters may read the fields it added. The registry has checked that the version is backward compatible; subscriptions
// that run keep the schema they were made with (docs/decisions/0001).

import type { Logger } from '../../platform/log.ts';
import type { Queryable } from '../store/queryable.ts';
import { isReady, markEvolved, type ReadyTopic, type TopicRow } from '../store/topics.ts';
import { checkEventSchema, type SchemaJson } from './batch-schema.ts';
import type { TopicSchemas } from './ports.ts';
import { eventSubjectOf } from './topic-names.ts';
import type { TopicWork } from './topic-work.ts';

/** One request a topic in 5 s: soon enough for people, and nothing for a registry, also with a thousand topics. */
const LOOK_INTERVAL_MS = 5000;

export interface EvolvedSchemasParts {
  readonly db: Queryable;
  readonly schemas: Pick<TopicSchemas, 'latest'>;
  readonly work: Pick<TopicWork, 'registerBatch'>;
  readonly log: Logger;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

export class EvolvedSchemas {
  readonly #parts: EvolvedSchemasParts;
  /** Versions that cannot be a topic's schema: said once. */
  readonly #refused = new Set<number>();
  #running: Promise<void> | null = null;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: EvolvedSchemasParts) {
    this.#parts = parts;
  }

  /** Starts one round unless one is running or was a moment ago. */
  look(topics: readonly TopicRow[]): void {
    const nowMs = this.#parts.now();
    if (this.#running !== null || nowMs - this.#lookedMs < LOOK_INTERVAL_MS) return;
    this.#lookedMs = nowMs;
    this.#running = this.#followAll(topics.filter(isReady)).finally(() => {
      this.#running = null;
    });
  }

  async stop(): Promise<void> {
    await this.#running;
  }

  async #followAll(topics: readonly ReadyTopic[]): Promise<void> {
    for (const topic of topics) {
      try {
        await this.#follow(topic);
      } catch (err) {
        this.#parts.log.warn({ err, topic: topic.name }, 'whether its schema evolved is not known; trying again');
      }
    }
  }

  async #follow({ topicId, name, kafkaTopic, schemaId }: ReadyTopic): Promise<void> {
    const { db, schemas, work, log } = this.#parts;
    const latest = await schemas.latest(eventSubjectOf(kafkaTopic));
    if (latest === null || latest.schemaId === schemaId || this.#refused.has(latest.schemaId)) return;
    let schema: SchemaJson;
    try {
      schema = JSON.parse(latest.schema);
      checkEventSchema(schema);
    } catch (err) {
      this.#refused.add(latest.schemaId);
      log.warn({ err, topic: name, schemaId: latest.schemaId }, "a new version cannot be the topic's schema");
      return;
    }
    const batchSchemaId = await work.registerBatch(kafkaTopic, schema);
    await markEvolved(db, topicId, { schemaJson: latest.schema, schemaId: latest.schemaId, batchSchemaId });
    log.info({ topic: name, schemaId: latest.schemaId, version: latest.version }, 'the schema has evolved');
  }
}
