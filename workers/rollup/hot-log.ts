// Writes flushes into Redis for readers who want them within the second. Nothing is lost when that fails: they find the gap
// and read Postgres.

import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { NOTHING_ADDED, noticeText, type RollupKeys } from '../../schemas/rollup/hot-log.ts';
import type { FlushedPartition } from './flusher.ts';

/** 10 min of one flush a second: longer than a reader that lost its connection needs. */
const MAX_ENTRIES = 600;
const EXPIRES_SECONDS = 3600;

export class HotLog {
  readonly #redis: Redis;
  readonly #keys: RollupKeys;
  readonly #log: Logger;

  constructor(redis: Redis, keys: RollupKeys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
  }

  async write(flushed: readonly FlushedPartition[]): Promise<void> {
    const pipeline = this.#redis.pipeline();
    for (const { state, deltas } of flushed) {
      const { rollupId, partition, seq } = state;
      const key = this.#keys.log(rollupId, partition);
      const fields = deltas.flatMap(({ minute, block }): (string | Buffer)[] => [String(minute), block]);
      if (fields.length === 0) fields.push(NOTHING_ADDED, '');
      pipeline.xadd(key, 'MAXLEN', '~', MAX_ENTRIES, `${seq}-0`, ...fields);
      pipeline.expire(key, EXPIRES_SECONDS);
      pipeline.publish(this.#keys.notify, noticeText({ rollupId, partition, seq }));
    }
    try {
      const results = (await pipeline.exec()) ?? [];
      const failed = results.find(([error]) => error !== null)?.[0];
      if (failed) throw failed;
    } catch (error) {
      this.#log.debug({ reason: reasonOf(error) }, 'flushes could not be told in Redis; readers find them in Postgres');
    }
  }
}
