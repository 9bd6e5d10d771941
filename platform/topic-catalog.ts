// The topics there are, as the leading control plane writes them into Redis. The last good copy is kept while Redis is
// empty or away.

import { CatalogTopic, type RedisKeys, readMessage } from '../schemas/coordination.ts';
import { MdsError, reasonOf } from '../schemas/errors.ts';
import { nearestName } from '../schemas/nearest-name.ts';
import { afterLook, CatalogLook } from './catalog-look.ts';
import type { Logger } from './log.ts';
import { type Redis, subscribeAtStart } from './redis.ts';

/** A change is told at once; this is for what was not heard. */
const LOOK_INTERVAL_MS = 2000;

export interface TopicCatalogOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly log: Logger;
  /** Called when anything about the topics has changed, and first when there are any. */
  readonly onChange?: () => void;
}

export class TopicCatalog {
  readonly #options: TopicCatalogOptions;
  #texts: ReadonlyMap<string, CatalogTopic> = new Map();
  #byName: ReadonlyMap<string, CatalogTopic> = new Map();
  readonly #newLook = new CatalogLook(() => this.#hasRead());
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TopicCatalogOptions) {
    this.#options = options;
  }

  get topics(): readonly CatalogTopic[] {
    return [...this.#byName.values()];
  }

  /** @param notices a connection of its own; it is in subscriber mode afterwards */
  async start(notices: Redis): Promise<void> {
    notices.on('message', (channel: string) => {
      if (channel === this.#options.keys.notifyCatalog) void this.#hasRead();
    });
    await subscribeAtStart(notices, 'subscribe', [this.#options.keys.notifyCatalog]);
    this.#timer = setInterval(() => void this.#hasRead(), LOOK_INTERVAL_MS);
    await this.read();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Reads the topics as they are now before it says that there is no such one.
   *
   * @throws MdsError `MDS_TOPIC_UNKNOWN`, the same for another tenant's topic and for one that is not there; or
   *   `MDS_DEPENDENCY_UNAVAILABLE` when it could not be looked
   */
  named(tenant: string, name: string): Promise<CatalogTopic> {
    return afterLook(
      () => this.#named(tenant, name),
      () => this.#newLook.anew(),
    );
  }

  #named(tenant: string, name: string): CatalogTopic {
    const known = this.#byName.get(`${tenant}/${name}`);
    if (known) return known;
    const names = this.topics.flatMap((topic) => (topic.tenant === tenant ? [topic.name] : []));
    const didYouMean = nearestName(name, names);
    const hint = didYouMean === undefined ? '' : ` (did you mean ${didYouMean}?)`;
    throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: name, hint, ...(didYouMean === undefined ? {} : { didYouMean }) });
  }

  /** @returns whether there were topics @throws when Redis is away */
  async read(): Promise<boolean> {
    const { redis, keys, log, onChange } = this.#options;
    const found = Object.values(await redis.hgetall(keys.catalog));
    if (found.length === 0) return false;
    const texts = new Map<string, CatalogTopic>();
    for (const text of found) {
      try {
        texts.set(text, this.#texts.get(text) ?? readMessage(CatalogTopic, text));
      } catch (err) {
        log.error({ err }, 'a topic of the catalog cannot be read');
      }
    }
    const isChanged = texts.size !== this.#texts.size || [...texts.keys()].some((text) => !this.#texts.has(text));
    this.#texts = texts;
    this.#byName = new Map([...texts.values()].map((topic) => [`${topic.tenant}/${topic.name}`, topic]));
    if (isChanged) onChange?.();
    return true;
  }

  /** Never rejects: the last good copy serves on, and it is read again soon. */
  async #hasRead(): Promise<boolean> {
    try {
      return await this.read();
    } catch (error) {
      this.#options.log.debug({ reason: reasonOf(error) }, 'the catalog could not be read');
      return false;
    }
  }
}
