// Ends of topics, for lag: asked of Kafka at most once in two seconds, and never waited for long.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../platform/log.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { KafkaTopics } from '../topics/ports.ts';
import type { EndOffsets } from './live-state.ts';

const KEEP_MS = 2000;
/** A list must not hang because Kafka does; the lag is then not known. */
const WAIT_MS = 1500;

export class TopicEnds {
  readonly #kafka: Pick<KafkaTopics, 'endOffsets'>;
  readonly #log: Logger;
  readonly #known = new Map<string, { readonly atMs: number; readonly ends: Promise<EndOffsets> }>();

  constructor(kafka: Pick<KafkaTopics, 'endOffsets'>, log: Logger) {
    this.#kafka = kafka;
    this.#log = log;
  }

  async of({ kafkaTopic, partitions }: { kafkaTopic: string; partitions: number }): Promise<EndOffsets> {
    const nowMs = performance.now();
    for (const [topic, { atMs }] of this.#known) if (nowMs - atMs > KEEP_MS) this.#known.delete(topic);
    let known = this.#known.get(kafkaTopic);
    if (known === undefined) {
      known = { atMs: nowMs, ends: this.#ask(kafkaTopic, partitions) };
      this.#known.set(kafkaTopic, known);
    }
    const late = new AbortController();
    try {
      return await Promise.race([known.ends, delay(WAIT_MS, null, { signal: late.signal })]);
    } finally {
      late.abort();
    }
  }

  async #ask(kafkaTopic: string, partitions: number): Promise<EndOffsets> {
    try {
      return await this.#kafka.endOffsets(kafkaTopic, partitions);
    } catch (error) {
      this.#log.debug({ topic: kafkaTopic, reason: reasonOf(error) }, 'the end of a topic is not known');
      return null;
    }
  }
}
