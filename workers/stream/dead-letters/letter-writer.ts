// Writes one dead letter to its topic, with all replicas' acknowledgement.

import { DEAD_LETTER_SCHEMA, type DeadLetterRecord, encodeDeadLetter } from '../../../platform/dead-letter-record.ts';
import { type KafkaProducer, kafkaCodeOf } from '../../../platform/kafka.ts';
import type { Logger } from '../../../platform/log.ts';
import type { SchemaRegistry } from '../../../platform/registry.ts';

/** librdkafka's and the broker's word for a record beyond the limit: no retry will change that. */
const TOO_LARGE_CODES: readonly (number | null)[] = [10, -198];

export interface LetterWriterOptions {
  readonly producer: Pick<KafkaProducer, 'produce'>;
  readonly registry: Pick<SchemaRegistry, 'register'>;
  readonly log: Logger;
}

export class LetterWriter {
  readonly #options: LetterWriterOptions;
  readonly #schemaIds = new Map<string, number>();

  constructor(options: LetterWriterOptions) {
    this.#options = options;
  }

  /**
   * A letter that is too large is written without its original bytes.
   *
   * @param key of the Kafka record
   * @throws MdsError when Kafka or the registry is away
   */
  async write(deadLetterTopic: string, letter: DeadLetterRecord, key: Uint8Array | string | null): Promise<void> {
    const schemaId = await this.#schemaId(deadLetterTopic);
    const { producer, log } = this.#options;
    try {
      await producer.produce(deadLetterTopic, null, encodeDeadLetter(schemaId, letter), key);
    } catch (error) {
      if (!TOO_LARGE_CODES.includes(kafkaCodeOf(error))) throw error;
      const bytes = (letter.value?.length ?? 0) + (letter.key?.length ?? 0);
      const { topic, partition, offset } = letter;
      log.error({ topic, partition, offset, bytes }, 'a record is too large for its dead-letter topic');
      const message = `${letter.message} Its ${bytes} bytes are too many for ${deadLetterTopic} and stand only in ${topic}.`;
      const short = { ...letter, message, key: null, value: null };
      await producer.produce(
        deadLetterTopic,
        null,
        encodeDeadLetter(schemaId, short),
        typeof key === 'string' ? key : null,
      );
    }
  }

  async #schemaId(topic: string): Promise<number> {
    let schemaId = this.#schemaIds.get(topic);
    if (schemaId === undefined) {
      schemaId = await this.#options.registry.register(`${topic}-value`, DEAD_LETTER_SCHEMA);
      this.#schemaIds.set(topic, schemaId);
    }
    return schemaId;
  }
}
