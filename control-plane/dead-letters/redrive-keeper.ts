// The leader's part of redriving: settles what edges answered, asks again what Redis forgot, and works on the jobs that
// redrive many letters at a bounded rate.

import type { Logger } from '../../platform/log.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { giveUpRedrives, nextLetters, redrivingLetters } from '../store/dead-letters.ts';
import type { Queryable } from '../store/queryable.ts';
import { advanceRedrive, dropOldRedrives, type RedriveRow, runningRedrives } from '../store/redrives.ts';
import type { Redriver } from './redriver.ts';

const SETTLE_AT_ONCE = 500;
/** Producing a record and marking it takes milliseconds; who has not done it by then has died. */
const INTERRUPTED_AFTER_SECONDS = 60;
/** Most letters of one job in one round; with a round every 500 ms, twice this a second is its limit. */
const STEP_LETTERS = 500;
/** A job that could not be worked on for a while does not catch up all at once. */
const MAX_STEP_SECONDS = 1;
const CLEANING_INTERVAL_MS = 60_000;

export interface RedriveKeeperParts {
  readonly db: Queryable;
  readonly redriver: Pick<Redriver, 'redrive' | 'settle'>;
  readonly log: Logger;
}

export class RedriveKeeper {
  readonly #parts: RedriveKeeperParts;
  /** Letters that each running job may redrive now; fractions add up. */
  readonly #allowance = new Map<string, number>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #cleanedMs = Number.NEGATIVE_INFINITY;
  #settledUpTo = 0;

  constructor(parts: RedriveKeeperParts) {
    this.#parts = parts;
  }

  async look(nowMs = performance.now()): Promise<void> {
    const { db, redriver } = this.#parts;
    const letters = await redrivingLetters(db, this.#settledUpTo, SETTLE_AT_ONCE);
    await redriver.settle(letters);
    this.#settledUpTo = letters.length < SETTLE_AT_ONCE ? 0 : (letters.at(-1)?.sequence ?? 0);
    await this.#clean(nowMs);
    const seconds = Math.min(MAX_STEP_SECONDS, (nowMs - this.#lookedMs) / 1000);
    this.#lookedMs = nowMs;
    const jobs = await runningRedrives(db);
    for (const id of this.#allowance.keys())
      if (!jobs.some(({ redriveId }) => redriveId === id)) this.#allowance.delete(id);
    for (const job of jobs) await this.#step(job, seconds);
  }

  async #step(job: RedriveRow, seconds: number): Promise<void> {
    const { db } = this.#parts;
    const { redriveId, tenant, filter, ratePerSecond, afterSequence } = job;
    // At least one now: a job of one letter a minute begins with one.
    const before = this.#allowance.get(redriveId) ?? 1;
    const allowance = Math.min(before + seconds * ratePerSecond, Math.max(1, ratePerSecond), STEP_LETTERS);
    const count = Math.floor(allowance);
    this.#allowance.set(redriveId, allowance);
    if (count < 1) return;
    const letters = await nextLetters(db, tenant, { ...filter, states: ['dead'] }, job, count);
    const done = { redriven: 0, failed: 0, afterSequence, isDone: letters.length < count };
    try {
      for (const letter of letters) {
        const isRedriven = await this.#redriveOne(job, letter);
        if (isRedriven) done.redriven++;
        else done.failed++;
        done.afterSequence = letter.sequence;
      }
    } finally {
      if (done.redriven + done.failed < letters.length) done.isDone = false; // something is away: goes on from here
      this.#allowance.set(redriveId, allowance - done.redriven - done.failed);
      await advanceRedrive(db, redriveId, done);
    }
    if (done.isDone) this.#parts.log.info({ redriveId, total: job.total }, 'a redrive of dead letters is done');
  }

  async #redriveOne(job: RedriveRow, letter: Parameters<Redriver['redrive']>[0]): Promise<boolean> {
    try {
      await this.#parts.redriver.redrive(letter);
      return true;
    } catch (error) {
      if (!(error instanceof MdsError) || error.retryable) throw error;
      const { redriveId } = job;
      this.#parts.log.debug({ redriveId, id: letter.deadLetterId, reason: reasonOf(error) }, 'a letter stays dead');
      return false;
    }
  }

  async #clean(nowMs: number): Promise<void> {
    if (nowMs - this.#cleanedMs < CLEANING_INTERVAL_MS) return;
    this.#cleanedMs = nowMs;
    const { db, log } = this.#parts;
    const letters = await giveUpRedrives(db, INTERRUPTED_AFTER_SECONDS);
    if (letters > 0) log.warn({ letters }, 'redrives that were interrupted are dead letters again');
    await dropOldRedrives(db);
  }
}
