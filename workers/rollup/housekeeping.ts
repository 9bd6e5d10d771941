// Drops what is older than is kept. Every worker does it now and then; it takes turns in Postgres.

import type { Pool } from 'pg';
import type { Logger } from '../../platform/log.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { BlockTable } from '../../schemas/rollup/slices.ts';
import type { RollupConfig } from './config.ts';
import type { Slices } from './slices.ts';

const INTERVAL_MS = 600_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

type Kept = Pick<RollupConfig, 'rollupSecondsKeptHours' | 'rollupMinutesKeptDays' | 'rollupHoursKeptDays'>;

export class Housekeeping {
  readonly #pool: Pool;
  readonly #slices: Slices;
  readonly #kept: Kept;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(pool: Pool, slices: Slices, kept: Kept, log: Logger) {
    this.#pool = pool;
    this.#slices = slices;
    this.#kept = kept;
    this.#log = log;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#running = this.run(Date.now()).catch((error: unknown) => {
        this.#log.warn({ reason: reasonOf(error) }, 'old aggregates could not be dropped, it is tried again');
      });
    }, INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async run(nowMs: number): Promise<void> {
    const { rollupSecondsKeptHours, rollupMinutesKeptDays, rollupHoursKeptDays } = this.#kept;
    // Deltas of minutes that are still open are all there is of them, however old.
    const { rows } = await this.#pool.query<{ closed: number | null }>(
      `SELECT min(closed_minute) AS closed FROM rollup_states WHERE newest_micros > 0`,
    );
    const closed = rows[0]?.closed ?? Number.POSITIVE_INFINITY;
    const keptFrom: Record<BlockTable, number> = {
      rollup_deltas: Math.min(closed + 1, (nowMs - rollupSecondsKeptHours * HOUR_MS) / MINUTE_MS),
      rollup_minutes: (nowMs - rollupMinutesKeptDays * DAY_MS) / MINUTE_MS,
      rollup_hours: (nowMs - rollupHoursKeptDays * DAY_MS) / HOUR_MS,
    };
    await this.#slices.dropOld({ keptFrom });
  }
}
