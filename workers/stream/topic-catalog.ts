// The topics, as the leading control plane writes them into Redis. The last good copy is kept while Redis is empty or away.

import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import { CatalogTopic, type RedisKeys, readMessage } from '../../schemas/coordination.ts';

export class TopicCatalog {
  readonly #redis: Redis;
  readonly #keys: RedisKeys;
  readonly #log: Logger;
  #topics: ReadonlyMap<number, CatalogTopic> = new Map();

  constructor(redis: Redis, keys: RedisKeys, log: Logger) {
    this.#redis = redis;
    this.#keys = keys;
    this.#log = log;
  }

  /** @throws when Redis is away */
  async read(): Promise<void> {
    const hash = await this.#redis.hgetall(this.#keys.catalog);
    const topics = Object.values(hash).flatMap((text) => this.#readTopic(text));
    if (topics.length > 0) this.#topics = new Map(topics.map((topic) => [topic.topicId, topic]));
  }

  /** Looks again when the topic is not known: it may be new. */
  async topic(topicId: number): Promise<CatalogTopic | undefined> {
    if (!this.#topics.has(topicId)) await this.read();
    return this.#topics.get(topicId);
  }

  #readTopic(text: string): CatalogTopic[] {
    try {
      return [readMessage(CatalogTopic, text)];
    } catch (err) {
      this.#log.error({ err }, 'a topic of the catalog cannot be read');
      return [];
    }
  }
}
