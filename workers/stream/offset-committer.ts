// Commits how far partitions have come: every so often, and at once when one is given back.

import type { KafkaConsumer, PartitionCommit } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { CommitLog } from './commit-log.ts';
import type { Lease } from './lease.ts';

export interface OffsetCommitterOptions {
  readonly consumer: Pick<KafkaConsumer, 'commit'>;
  readonly commitLog: CommitLog;
  readonly lease: Lease;
  readonly log: Logger;
  readonly intervalMs: number;
  /** null for a slot that is not open any more */
  readonly placeOf: (slot: number) => { readonly topic: string; readonly partition: number } | null;
}

export class OffsetCommitter {
  readonly #options: OffsetCommitterOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<boolean> = Promise.resolve(true);
  #isBusy = false;
  #hasFailed = false;

  constructor(options: OffsetCommitterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      if (!this.#isBusy) this.commitAll();
    }, this.#options.intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Commits everything that is settled, after any commit that is on its way.
   *
   * @returns false when it could not be done; it is tried again at the next interval
   */
  commitAll(): Promise<boolean> {
    this.#running = this.#running.then(() => this.#commit());
    return this.#running;
  }

  async #commit(): Promise<boolean> {
    const { consumer, commitLog, lease, log } = this.#options;
    if (!lease.isHeld) return false;
    const due = commitLog.due().flatMap(({ slot, nextOffset }) => {
      const place = this.#options.placeOf(slot);
      return place ? [{ slot, nextOffset, place }] : [];
    });
    if (due.length === 0) return true;
    const offsets: PartitionCommit[] = due.map(({ place, nextOffset }) => ({ ...place, offset: nextOffset }));
    this.#isBusy = true;
    try {
      await consumer.commit(offsets);
      for (const { slot, nextOffset } of due) commitLog.committed(slot, nextOffset);
      if (this.#hasFailed) log.info('offsets are committed again');
      this.#hasFailed = false;
      return true;
    } catch (error) {
      if (!this.#hasFailed) log.warn({ reason: reasonOf(error) }, 'offsets could not be committed, retrying');
      this.#hasFailed = true;
      return false;
    } finally {
      this.#isBusy = false;
    }
  }
}
