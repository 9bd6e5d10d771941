// The leader's copying of the delivery ledger from Redis to Postgres. Numbers only grow, so copying twice, or by two
// leaders at once, changes nothing.

import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import { type DurableKeys, LEDGER_MINUTES } from '../../schemas/durable.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { dropOldLedger, type LedgerRow, saveLedger } from '../store/delivery-ledger.ts';
import type { Queryable } from '../store/queryable.ts';
import { ledgerRowsOf, MINUTE_MS } from './ledger-sums.ts';

const INTERVAL_MS = 10_000;
/** Edges write a minute within seconds; with Redis away for a while, within minutes. */
const RECENT_MINUTES = 5;
/** Once an hour, and when a leader begins, everything that Redis has. */
const WHOLE_INTERVAL_MS = 3_600_000;
const READ_AT_ONCE = 500;

export interface LedgerCopierParts {
  readonly redis: Redis;
  readonly keys: DurableKeys;
  readonly db: Queryable;
  readonly log: Logger;
}

interface Place {
  readonly subscriptionId: string;
  readonly minute: number;
}

export class LedgerCopier {
  readonly #parts: LedgerCopierParts;
  /** What was copied of the recent minutes, to leave out what has not changed. */
  #copied = new Map<string, string>();
  #copiedMs = Number.NEGATIVE_INFINITY;
  #wholeMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  #isFailing = false;

  constructor(parts: LedgerCopierParts) {
    this.#parts = parts;
  }

  /**
   * Starts one round unless one is running or was a moment ago.
   *
   * @param nowMs never going back
   */
  look(subscriptionIds: readonly string[], nowMs: number): void {
    if (this.#running !== null || nowMs - this.#copiedMs < INTERVAL_MS) return;
    this.#copiedMs = nowMs;
    this.#running = this.#round(subscriptionIds, nowMs).finally(() => {
      this.#running = null;
    });
  }

  async stop(): Promise<void> {
    await this.#running;
  }

  async #round(subscriptionIds: readonly string[], nowMs: number): Promise<void> {
    const { db, log } = this.#parts;
    const nowMinute = Math.floor(Date.now() / MINUTE_MS);
    const isWhole = nowMs - this.#wholeMs >= WHOLE_INTERVAL_MS;
    try {
      const copied = await this.#copy(subscriptionIds, nowMinute, isWhole ? LEDGER_MINUTES : RECENT_MINUTES);
      this.#copied = copied;
      if (isWhole) {
        await dropOldLedger(db, nowMinute);
        this.#wholeMs = nowMs;
      }
      if (this.#isFailing) log.info('the delivery ledger is copied again');
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) log.warn({ reason: reasonOf(error) }, 'the delivery ledger cannot be copied; trying again');
      this.#isFailing = true;
    }
  }

  async #copy(subscriptionIds: readonly string[], nowMinute: number, minutes: number): Promise<Map<string, string>> {
    const places = subscriptionIds.flatMap((subscriptionId) =>
      Array.from({ length: minutes }, (_, back) => ({ subscriptionId, minute: nowMinute - back })),
    );
    const copied = new Map<string, string>();
    for (let i = 0; i < places.length; i += READ_AT_ONCE) {
      await this.#copyPart(places.slice(i, i + READ_AT_ONCE), nowMinute, copied);
    }
    return copied;
  }

  async #copyPart(places: readonly Place[], nowMinute: number, copied: Map<string, string>): Promise<void> {
    const { redis, keys, db } = this.#parts;
    const pipeline = redis.pipeline();
    for (const { subscriptionId, minute } of places) pipeline.hgetall(keys.ledger(subscriptionId, minute));
    const answers = (await pipeline.exec()) ?? [];
    const rows: LedgerRow[] = [];
    for (const [i, { subscriptionId, minute }] of places.entries()) {
      const [error, answer] = answers[i] ?? [null, null];
      if (error) throw error;
      const fields = (answer ?? {}) as Record<string, string>; // what HGETALL answers
      if (Object.keys(fields).length === 0) continue;
      const place = `${subscriptionId}/${minute}`;
      const text = JSON.stringify(fields);
      if (minute > nowMinute - RECENT_MINUTES) copied.set(place, text);
      if (this.#copied.get(place) !== text) rows.push(...ledgerRowsOf(subscriptionId, minute, fields));
    }
    if (rows.length > 0) await saveLedger(db, rows);
  }
}
