// Talks with the leader through Redis: the heartbeat tells what this worker owns and how it fares, the assignment tells
// what it shall own.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import {
  Assignment,
  HEARTBEAT_INTERVAL_MS,
  HEARTBEAT_TTL_MS,
  type RedisKeys,
  readMessage,
  type WorkerHeartbeat,
} from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { LEASE_MS, type Lease } from './lease.ts';

/** Less than a heartbeat's interval, so that the next one counts; a step of the leader takes some 10 ms. */
const RETURN_MS = 400;
/** A leader that is told looks within some 10 ms; on a busy machine some hundred. */
const LAST_WORDS_MS = 500;

export interface OwnershipClientOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly workerId: string;
  readonly lease: Lease;
  readonly log: Logger;
  readonly heartbeat: () => WorkerHeartbeat;
  /** @param isProven false when the lease had run out before this assignment was read */
  readonly apply: (assignment: Assignment, isProven: boolean) => void;
  /** After each attempt. */
  readonly onBeat: (isLeaseHeld: boolean) => void;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

export class OwnershipClient {
  readonly #options: OwnershipClientOptions;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | null = null;
  #again = false;
  #appliedText: string | null = null;
  #appliedRevision = -1;
  #hasBeaten = false;
  #hasBeenProven = false;
  /** When the first heartbeat got through after the lease had run out. */
  #returnedAtMs: number | null = null;
  /** Leaders look by themselves too; a notice for every beat would only keep them busy. */
  #notifyDue = true;

  constructor(options: OwnershipClientOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.beat(), HEARTBEAT_INTERVAL_MS);
    this.beatNow();
  }

  /** Something the leader waits for has changed: tells it now. */
  beatNow(): void {
    this.#notifyDue = true;
    this.beat();
  }

  /** Sends a heartbeat and reads the assignment; one more behind it when one is on its way. */
  beat(): void {
    if (this.#beating) {
      this.#again = true;
      return;
    }
    this.#beating = this.#beat().finally(() => {
      this.#beating = null;
      if (!this.#again) return;
      this.#again = false;
      this.beat();
    });
  }

  /**
   * Takes this worker off the list, so that nobody waits for its heartbeat to run out; but not before a leader could read
   * what it has given back. To one that was just elected a missing heartbeat means nothing: for three seconds nobody would
   * deliver what was only told together with going away.
   */
  async leave(): Promise<void> {
    clearInterval(this.#timer);
    this.#again = false;
    await this.#beating;
    if ((this.#options.heartbeat().released ?? []).length > 0) {
      this.#notifyDue = true;
      await this.#beat();
      await delay(LAST_WORDS_MS);
    }
    const { redis, keys, workerId, log } = this.#options;
    try {
      await redis
        .multi()
        .del(keys.worker(workerId))
        .srem(keys.workers, workerId)
        .publish(keys.notifyHeartbeat, workerId)
        .exec();
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'the last heartbeat could not be taken back, it runs out by itself');
    }
  }

  /** Heartbeat and assignment go in one transaction: who is proven alive has also read what it owns. */
  async #beat(): Promise<void> {
    const { redis, keys, workerId, lease, now, log, onBeat } = this.#options;
    const sentAtMs = now();
    const transaction = redis
      .multi()
      .set(keys.worker(workerId), JSON.stringify(this.#options.heartbeat()), 'PX', HEARTBEAT_TTL_MS)
      .sadd(keys.workers, workerId)
      .get(keys.assignment(workerId));
    if (this.#notifyDue) transaction.publish(keys.notifyHeartbeat, workerId);
    this.#notifyDue = false;
    try {
      const answers = await transaction.exec();
      const failed = answers?.find(([error]) => error !== null)?.[0];
      if (!answers || failed) throw failed ?? new Error('the transaction was refused');
      this.#readAssignment(answers[2]?.[1]);
      if (this.#isKnownAlive(sentAtMs)) lease.prove(sentAtMs);
    } catch (error) {
      log.debug({ reason: reasonOf(error) }, 'heartbeat failed');
    }
    onBeat(lease.isHeld);
  }

  /**
   * After the lease ran out, one heartbeat proves nothing: a leader that missed it may be giving the partitions away right
   * now, and has not said so yet.
   */
  #isKnownAlive(sentAtMs: number): boolean {
    if (this.#hasBeenProven && !this.#options.lease.isHeld) {
      if (this.#returnedAtMs === null || sentAtMs - this.#returnedAtMs > LEASE_MS) this.#returnedAtMs = sentAtMs;
      if (sentAtMs - this.#returnedAtMs < RETURN_MS) return false;
    }
    this.#returnedAtMs = null;
    this.#hasBeenProven = true;
    return true;
  }

  /** No assignment is not an empty assignment: Redis may have restarted, so what is owned stays owned. */
  #readAssignment(text: unknown): void {
    const { lease, log, apply } = this.#options;
    const isProven = lease.isHeld || !this.#hasBeaten;
    this.#hasBeaten = true;
    if (typeof text !== 'string') return;
    if (text === this.#appliedText && isProven) return;
    try {
      const assignment = readMessage(Assignment, text);
      if (assignment.revision < this.#appliedRevision) {
        // A leader that was stopped between the truth and telling it; the present one tells it again.
        log.warn(
          { revision: assignment.revision, applied: this.#appliedRevision },
          'an assignment of the past is ignored',
        );
        return;
      }
      apply(assignment, isProven);
      this.#appliedRevision = assignment.revision;
      this.#appliedText = text;
    } catch (err) {
      log.error({ err }, 'the assignment cannot be read, the one before stays');
    }
  }
}
