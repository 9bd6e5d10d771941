// Dead letters in the control plane, put together: what the API asks, and what the leader does. Connects to Kafka only
// when there is something to read or to produce.

import { createProducer, type KafkaConnection, type KafkaProducer } from '../../platform/kafka.ts';
import { KafkaRecordReader } from '../../platform/kafka-record-reader.ts';
import type { Logger } from '../../platform/log.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { Pool } from '../../platform/postgres.ts';
import type { Redis } from '../../platform/redis.ts';
import type { SchemaRegistry } from '../../platform/registry.ts';
import type { DurableKeys } from '../../schemas/durable.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { KafkaTopics } from '../topics/ports.ts';
import { DeadLetterIndexer } from './dead-letter-indexer.ts';
import { BacklogWatch, createDeadLetterMetrics } from './dead-letter-metrics.ts';
import { DeadLetterService } from './dead-letter-service.ts';
import { LetterDecoding } from './letter-decoding.ts';
import { LetterRecords } from './letter-records.ts';
import { RedriveKeeper } from './redrive-keeper.ts';
import { Redriver } from './redriver.ts';

const CONNECT_TIMEOUT_MS = 5000;

export interface DeadLettersParts {
  readonly pool: Pool;
  readonly redis: Redis;
  readonly keys: DurableKeys;
  readonly registry: Pick<SchemaRegistry, 'getSchemaById'>;
  readonly kafka: Pick<KafkaTopics, 'partitionsOf' | 'ranges'>;
  readonly connection: Omit<KafkaConnection, 'name' | 'connectTimeoutMs'>;
  readonly metrics: Metrics;
  readonly log: Logger;
}

export class DeadLetters {
  readonly service: DeadLetterService;
  readonly #parts: DeadLettersParts;
  readonly #reader: KafkaRecordReader;
  readonly #indexer: DeadLetterIndexer;
  readonly #keeper: RedriveKeeper;
  readonly #backlog: BacklogWatch;
  #producer: Promise<KafkaProducer> | null = null;
  #running: Promise<void> | null = null;
  #isFailing = false;

  constructor(parts: DeadLettersParts) {
    const { pool, redis, keys, kafka, connection, log } = parts;
    this.#parts = parts;
    const metrics = createDeadLetterMetrics(parts.metrics);
    const decoding = new LetterDecoding(parts.registry);
    this.#reader = new KafkaRecordReader({
      ...connection,
      name: 'dead-letter-records',
      groupId: 'mds-dead-letter-records', // nothing is ever committed to it
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    const records = new LetterRecords(this.#reader, decoding);
    const producer = (): Promise<KafkaProducer> => this.#connectedProducer();
    const redriver = new Redriver({ db: pool, redis, keys, records, producer, metrics });
    this.service = new DeadLetterService({ db: pool, records, decoding, redriver });
    this.#indexer = new DeadLetterIndexer({ pool, kafka, connection, decoding, metrics, log });
    this.#keeper = new RedriveKeeper({ db: pool, redriver, log });
    this.#backlog = new BacklogWatch(pool, metrics);
  }

  /** The leader's look: starts one round of each unless one is running. */
  look(): void {
    this.#indexer.look();
    this.#running ??= this.#round().finally(() => {
      this.#running = null;
    });
  }

  async stop(): Promise<void> {
    await Promise.all([this.#indexer.stop(), this.#running]);
    await this.#reader.close();
    await (await this.#producer?.catch(() => null))?.disconnect();
  }

  async #round(): Promise<void> {
    const { log } = this.#parts;
    try {
      await this.#keeper.look();
      await this.#backlog.look();
      if (this.#isFailing) log.info('dead letters are redriven again');
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) log.warn({ reason: reasonOf(error) }, 'redrives of dead letters wait; trying again');
      this.#isFailing = true;
    }
  }

  #connectedProducer(): Promise<KafkaProducer> {
    const { connection } = this.#parts;
    this.#producer ??= createProducer({
      ...connection,
      name: 'dead-letter-redrives',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    }).catch((error: unknown) => {
      this.#producer = null;
      throw error;
    });
    return this.#producer;
  }
}
