// Records that could not be distributed go to their topic's dead-letter topic, with the reason and their original bytes.
// Tried until Kafka has them: a record is either distributed or there to be looked at.

import type { DeadLetterRecord } from '../../platform/dead-letter-record.ts';
import type { Health } from '../../platform/health.ts';
import type { Logger } from '../../platform/log.ts';
import { retry } from '../../platform/retry.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { LetterWriter } from './dead-letters/letter-writer.ts';
import type { RejectedRecord } from './slab-pipeline.ts';

const RETRY = { baseMs: 100, maxMs: 5000 } as const;
/** In flight at once for one slab; a slab full of garbage waits here rather than in memory. */
const MAX_AT_ONCE = 500;

export interface DeadLetterOptions {
  readonly writer: Pick<LetterWriter, 'write'>;
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
    const letter: DeadLetterRecord = {
      topic: place.kafkaTopic,
      partition: place.partition,
      offset: record.offset,
      reason: record.code,
      message: record.message,
      recordTimestamp: Math.max(0, record.timestampMs),
      rejectedAt: this.#options.now(),
      key: record.key,
      value: record.value,
      index: null,
      subscription: null,
      subscriptionName: null,
      shard: null,
      attempts: null,
      consumer: null,
    };
    await this.#options.writer.write(place.deadLetterTopic, letter, record.key);
  }
}
