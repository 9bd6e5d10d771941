// When API keys were last used: gathered in memory, told to Redis at most once a minute, copied to Postgres from there.

import { reasonOf } from '../../schemas/errors.ts';
import type { IdentityKeys } from '../../schemas/identity/directory.ts';
import type { Logger } from '../log.ts';
import type { Redis } from '../redis.ts';

export const USAGE_INTERVAL_MS = 60_000;

export class KeyUsage {
  readonly #redis: Redis;
  readonly #keys: IdentityKeys;
  readonly #log: Logger;
  readonly #nowMs: () => number;
  /** As many as there are keys at most: only valid ones are noted. */
  #used = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(redis: Redis, keys: IdentityKeys, log: Logger, nowMs: () => number) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** A key's first use is told at once, later ones together. */
  note(keyId: string): void {
    this.#used.set(keyId, this.#nowMs());
    if (this.#timer !== undefined) return;
    void this.flush();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, USAGE_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Never rejects; what could not be told is told with the next. */
  async flush(): Promise<void> {
    if (this.#used.size === 0) return;
    const told = this.#used;
    this.#used = new Map();
    try {
      await this.#redis.hset(this.#keys.used, Object.fromEntries([...told].map(([id, atMs]) => [id, String(atMs)])));
    } catch (error) {
      this.#used = new Map([...told, ...this.#used]);
      this.#log.debug({ reason: reasonOf(error) }, 'the last use of keys could not be told');
    }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.flush();
  }
}
