// Finds a consumer that has silently stopped, for all partitions or for one: asks Kafka, over another connection, where the
// partitions that do not move end, and mends what stall-tracker.ts finds. No record is lost or doubled by it: reading goes
// on at the offset that comes next.

import type { KafkaConsumer } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { ConsumerLoop } from './consumer-loop.ts';
import type { OwnedPartition } from './owned-partition.ts';
import { type Remedy, StallTracker } from './stall-tracker.ts';

/** How often it looks within the time after which something is done. */
const LOOKS = 4;

export interface ConsumerWatchOptions {
  readonly loop: Pick<ConsumerLoop, 'partitions' | 'consumingMs' | 'reassign' | 'reopen'>;
  readonly consumer: Pick<KafkaConsumer, 'ends'>;
  readonly stallMs: number;
  readonly log: Logger;
  readonly now: () => number;
  readonly onRecovery: (step: Exclude<Remedy['step'], 'none'>) => void;
  /** Nothing helps: the process must end, others take over. */
  readonly onFailure: (error: unknown) => void;
}

export class ConsumerWatch {
  readonly #options: ConsumerWatchOptions;
  readonly #tracker: StallTracker;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(options: ConsumerWatchOptions) {
    this.#options = options;
    this.#tracker = new StallTracker(options.stallMs);
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (this.#looking) return;
      this.#looking = true;
      this.#look()
        // Kafka itself is away, which is reported by its connection: whether the consumer hangs cannot be told.
        .catch((error) => this.#options.log.debug({ reason: reasonOf(error) }, 'the ends of partitions are not known'))
        .finally(() => {
          this.#looking = false;
        });
    }, this.#options.stallMs / LOOKS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { loop, consumer, now, stallMs } = this.#options;
    const quietSinceMs = now() - stallMs / LOOKS;
    const quiet = [...loop.partitions()].filter(
      ({ state, lastProgressMs }) => state === 'running' && lastProgressMs <= quietSinceMs,
    );
    const ends = new Map(
      (await consumer.ends(quiet.map(placeOf))).map(({ topic, partition, end }) => [`${topic}/${partition}`, end]),
    );
    // What came in while Kafka was asked counts: the position is that of now.
    const standings = quiet.map((one) => {
      const { topic, partition } = placeOf(one);
      const position = Math.max(one.nextOffset, one.endOffset);
      return { slot: one.slot, position, end: ends.get(`${topic}/${partition}`) ?? -1 };
    });
    await this.#mend(this.#tracker.observe(loop.consumingMs, standings), quiet);
  }

  async #mend(remedy: Remedy, quiet: readonly OwnedPartition[]): Promise<void> {
    const { loop, log, stallMs, onRecovery, onFailure } = this.#options;
    if (remedy.step === 'none') return;
    const stalled = quiet.filter(({ slot }) => remedy.slots.includes(slot));
    const partitions = stalled.map((one) => ({ ...placeOf(one), nextOffset: one.nextOffset }));
    onRecovery(remedy.step);
    if (remedy.step === 'give-up') {
      const reason = 'records are there and none is received, also over new connections';
      log.error({ partitions }, 'the consumer has stopped and cannot be mended; this process ends, others take over');
      onFailure(new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Kafka (consume)', reason }));
      return;
    }
    if (remedy.step === 'reassign') {
      log.warn({ partitions, stallMs }, 'Kafka has records that are not received; the partitions are assigned anew');
      // Not waited for: a poll that never comes back holds it up, and then the next step is due.
      for (const one of stalled) loop.reassign(one).catch(onFailure);
      return;
    }
    log.error({ partitions, stallMs }, 'Kafka has records that are not received; the consumer is made anew');
    await loop
      .reopen()
      .catch((error: unknown) => log.warn({ reason: reasonOf(error) }, 'the consumer could not be made anew'));
  }
}

function placeOf({ topic, grant }: OwnedPartition): { topic: string; partition: number } {
  return { topic: topic?.kafkaTopic ?? '', partition: grant.partition };
}
