// Finds partitions whose next offset Kafka no longer has: retention passed a worker that was stopped or held up, or the log
// was cut. librdkafka stops such a partition (`auto.offset.reset=error`), sometimes without a word, so a partition that
// neither moves nor is at its end is looked at. The records are lost; that they are is said aloud and seen by every lane.

import type { KafkaConsumer } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { ConsumerLoop } from './consumer-loop.ts';
import type { OwnedPartition } from './owned-partition.ts';

/** A broker answers a fetch within milliseconds; a second without anything is worth one question. */
const STALL_MS = 1000;
/** The end was reached, but Kafka may have been away since, and what came behind the end may be gone again. */
const AT_END_MS = 10_000;

export interface RangeWatchOptions {
  readonly loop: ConsumerLoop;
  readonly consumer: Pick<KafkaConsumer, 'queryWatermarkOffsets'>;
  readonly log: Logger;
  readonly now: () => number;
  /** Continues the partition at another offset. */
  readonly moveTo: (partition: OwnedPartition, offset: number) => Promise<void>;
}

export class RangeWatch {
  readonly #options: RangeWatchOptions;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(options: RangeWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#looking || this.#options.loop.isBlocked) return;
      this.#looking = true;
      this.#look()
        .catch((error) =>
          this.#options.log.debug({ reason: reasonOf(error) }, 'stalled partitions could not be checked'),
        )
        .finally(() => {
          this.#looking = false;
        });
    }, STALL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { loop, now } = this.#options;
    const nowMs = now();
    for (const partition of [...loop.partitions()]) {
      const silentMs = nowMs - partition.lastProgressMs;
      if (partition.state !== 'running' || silentMs < (partition.atEnd ? AT_END_MS : STALL_MS)) continue;
      await this.#check(partition);
    }
  }

  async #check(partition: OwnedPartition): Promise<void> {
    const { consumer, log, moveTo, now } = this.#options;
    const topic = partition.topic?.kafkaTopic ?? '';
    const range = await consumer.queryWatermarkOffsets(topic, partition.grant.partition);
    const { nextOffset } = partition;
    partition.lastProgressMs = now();
    const target = inRange(nextOffset, range);
    if (target === nextOffset || partition.state !== 'running') return;
    const lost = { topic, partition: partition.grant.partition, nextOffset, continuesAt: target };
    log.error(lost, 'Kafka no longer has the next records of a partition; they are lost and it goes on behind them');
    await moveTo(partition, target);
  }
}

/** The offset itself when Kafka has it, or may write it next; otherwise the nearest such offset. */
export function inRange(
  offset: number,
  { lowOffset, highOffset }: { readonly lowOffset: number; readonly highOffset: number },
): number {
  return Math.min(Math.max(offset, lowOffset), highOffset);
}
