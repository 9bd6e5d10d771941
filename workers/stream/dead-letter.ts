// Records that could not be distributed go to their topic's dead-letter topic, with the reason and their original bytes.
// Tried until Kafka has them: a record is either distributed or there to be looked at.

import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import type { Health } from '../../platform/health.ts';
import { type KafkaProducer, kafkaCodeOf } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import type { SchemaRegistry } from '../../platform/registry.ts';
import { retry } from '../../platform/retry.ts';
import { encodeConfluent } from '../../schemas/confluent-wire.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { RejectedRecord } from './slab-pipeline.ts';

const RETRY = { baseMs: 100, maxMs: 5000 } as const;
/** librdkafka's and the broker's word for a record beyond the limit: no retry will change that. */
const TOO_LARGE_CODES: readonly (number | null)[] = [10, -198];
/** In flight at once for one slab; a slab full of garbage waits here rather than in memory. */
const MAX_AT_ONCE = 500;

const SCHEMA_TEXT = readFileSync(new URL('../../schemas/avro/events/DeadLetter.avsc', import.meta.url), 'utf8');
const TYPE = avsc.Type.forSchema(JSON.parse(SCHEMA_TEXT));

export interface DeadLetterOptions {
  readonly producer: Pick<KafkaProducer, 'produce'>;
  readonly registry: Pick<SchemaRegistry, 'register'>;
  readonly log: Logger;
  readonly health: Health;
  readonly signal: AbortSignal;
  /** ms since 1970. */
  readonly now: () => number;
}

export interface DeadLetterPlace {
  readonly deadLetterTopic: string;
  readonly kafkaTopic: string;
  readonly partition: number;
}

export class DeadLetters {
  readonly #options: DeadLetterOptions;
  readonly #schemaIds = new Map<string, number>();

  constructor(options: DeadLetterOptions) {
    this.#options = options;
  }

  /**
   * Resolves when Kafka has all of them.
   *
   * @throws the signal's reason
   */
  async write(rejects: readonly { record: RejectedRecord; place: DeadLetterPlace }[]): Promise<void> {
    for (let i = 0; i < rejects.length; i += MAX_AT_ONCE) {
      await Promise.all(rejects.slice(i, i + MAX_AT_ONCE).map(({ record, place }) => this.#writeOne(record, place)));
    }
  }

  async #writeOne(record: RejectedRecord, place: DeadLetterPlace): Promise<void> {
    const { signal, health, log } = this.#options;
    let wasAway = false;
    await retry(() => this.#produce(record, place), {
      ...RETRY,
      attempts: 'forever',
      signal,
      onRetry: (error, attempt) => {
        wasAway = true;
        health.setReady('dead letters', false, reasonOf(error));
        if (attempt === 0) {
          log.error(
            { topic: place.deadLetterTopic, reason: reasonOf(error) },
            'dead letters cannot be written, retrying',
          );
        }
      },
    });
    if (wasAway) health.setReady('dead letters', true);
  }

  async #produce(record: RejectedRecord, place: DeadLetterPlace): Promise<void> {
    const schemaId = await this.#schemaId(place.deadLetterTopic);
    const letter = {
      topic: place.kafkaTopic,
      partition: place.partition,
      offset: record.offset,
      reason: record.code,
      message: record.message,
      recordTimestamp: Math.max(0, record.timestampMs),
      rejectedAt: this.#options.now(),
      key: record.key,
      value: record.value,
    };
    const { producer, log } = this.#options;
    const { deadLetterTopic } = place;
    try {
      await producer.produce(deadLetterTopic, null, encodeConfluent(schemaId, TYPE.toBuffer(letter)), record.key);
    } catch (error) {
      if (!TOO_LARGE_CODES.includes(kafkaCodeOf(error))) throw error;
      const bytes = (record.value?.length ?? 0) + (record.key?.length ?? 0);
      const { topic, partition, offset } = letter;
      log.error({ topic, partition, offset, bytes }, 'a rejected record is too large for its dead-letter topic');
      const message = `${letter.message} Its ${bytes} bytes are too many for ${deadLetterTopic} and stand only in ${topic}.`;
      const short = { ...letter, message, key: null, value: null };
      await producer.produce(deadLetterTopic, null, encodeConfluent(schemaId, TYPE.toBuffer(short)));
    }
  }

  async #schemaId(topic: string): Promise<number> {
    let schemaId = this.#schemaIds.get(topic);
    if (schemaId === undefined) {
      schemaId = await this.#options.registry.register(`${topic}-value`, SCHEMA_TEXT);
      this.#schemaIds.set(topic, schemaId);
    }
    return schemaId;
  }
}
