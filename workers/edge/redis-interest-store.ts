// The interest register's commands on a Redis connection.

import type { Redis } from '../../platform/redis.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { InterestStore } from './interest-register.ts';

export class RedisInterestStore implements InterestStore {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  get isConnected(): boolean {
    return this.#redis.status === 'ready';
  }

  async transact(commands: readonly (readonly (string | number)[])[]): Promise<void> {
    const results = await this.#redis.multi(commands.map((command) => [...command])).exec();
    for (const [error] of results ?? []) {
      if (error) throw error;
    }
    if (!results)
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: 'it gave up a transaction' });
  }

  async expire(key: string, ttlMs: number): Promise<number> {
    const [expired, fields] = (await this.#redis.pipeline().pexpire(key, ttlMs).hlen(key).exec()) ?? [];
    const error = expired?.[0] ?? fields?.[0];
    if (error) throw error;
    return Number(fields?.[1] ?? 0);
  }
}
