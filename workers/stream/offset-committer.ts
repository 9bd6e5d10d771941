// Commits how far partitions have come: every so often, and at once when one is given back.

import type { KafkaConsumer, PartitionCommit } from '../../platform/kafka.ts';
import type { Logger } from '../../platform/log.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { CommitLog } from './commit-log.ts';
import type { Lease } from './lease.ts';

/**
 * Every so often everything is committed again, also where nothing moved: a commit of the owner before that was long under
 * way does not stay, and Kafka does not forget the offsets of a partition that is idle for a week.
 */
const AGAIN_MS = 60_000;

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
  #againTimer: NodeJS.Timeout | undefined;
  #isAgainDue = false;
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
    this.#againTimer = setInterval(() => {
      this.#isAgainDue = true;
    }, AGAIN_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    clearInterval(this.#againTimer);
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
    const again = this.#isAgainDue;
    const due = commitLog.due(again).flatMap(({ slot, nextOffset }) => {
      const place = this.#options.placeOf(slot);
      return place ? [{ slot, nextOffset, place }] : [];
    });
    if (due.length === 0) return true;
    const offsets: PartitionCommit[] = due.map(({ place, nextOffset }) => ({ ...place, offset: nextOffset }));
    this.#isBusy = true;
    try {
      await consumer.commit(offsets);
      if (again) this.#isAgainDue = false;
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
