// The topics that events may be sent to, as the control plane writes them into Redis, each with the reader of its schema.
// The last good copy is kept while Redis is empty or away.

import { afterLook, CatalogLook } from '../../platform/catalog-look.ts';
import type { Logger } from '../../platform/log.ts';
import { type Redis, subscribeAtStart } from '../../platform/redis.ts';
import { CatalogTopic, type RedisKeys, readMessage } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { nearestName } from '../../schemas/nearest-name.ts';
import { EventReader } from './event-reader.ts';

/** A change is told at once; this is for what was not heard. */
const LOOK_INTERVAL_MS = 2000;

export interface TopicReadersOptions {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly log: Logger;
  readonly maxEvents: number;
}

export interface KnownTopic {
  readonly topic: CatalogTopic;
  readonly reader: EventReader;
}

export class TopicReaders {
  readonly #options: TopicReadersOptions;
  readonly #byText = new Map<string, KnownTopic>();
  #byName: ReadonlyMap<string, KnownTopic> = new Map();
  readonly #newLook = new CatalogLook(() => this.#hasRead());
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TopicReadersOptions) {
    this.#options = options;
  }

  /** @param notices a connection of its own; it is in subscriber mode afterwards */
  async start(notices: Redis): Promise<void> {
    notices.on('message', () => void this.#hasRead());
    await subscribeAtStart(notices, 'subscribe', [this.#options.keys.notifyCatalog]);
    this.#timer = setInterval(() => void this.#hasRead(), LOOK_INTERVAL_MS);
    await this.#hasRead();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Reads the topics as they are now before it says that there is no such one.
   *
   * @throws MdsError `MDS_TOPIC_UNKNOWN`; or `MDS_DEPENDENCY_UNAVAILABLE` when there are no topics at all, or it could not be
   *   looked: a sender that is told "unknown" gives up, and this passes
   */
  named(tenant: string, name: string): Promise<KnownTopic> {
    return afterLook(
      () => this.#named(tenant, name),
      () => this.#newLook.anew(),
    );
  }

  #named(tenant: string, name: string): KnownTopic {
    const known = this.#byName.get(`${tenant}/${name}`);
    if (known) return known;
    const names = [...this.#byName.values()].flatMap(({ topic }) => (topic.tenant === tenant ? [topic.name] : []));
    const didYouMean = nearestName(name, names);
    const hint = didYouMean === undefined ? '' : ` (did you mean ${didYouMean}?)`;
    throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: name, hint, ...(didYouMean === undefined ? {} : { didYouMean }) });
  }

  /** Never rejects: it is read again soon. @returns whether there were topics */
  async #hasRead(): Promise<boolean> {
    try {
      return await this.#read();
    } catch (error) {
      this.#options.log.debug({ reason: reasonOf(error) }, 'the catalog could not be read');
      return false;
    }
  }

  async #read(): Promise<boolean> {
    const { redis, keys, log, maxEvents } = this.#options;
    const texts = Object.values(await redis.hgetall(keys.catalog));
    if (texts.length === 0) return false;
    const byName = new Map<string, KnownTopic>();
    for (const text of texts) {
      let known = this.#byText.get(text);
      try {
        if (!known) {
          const topic = readMessage(CatalogTopic, text);
          known = { topic, reader: new EventReader(topic, maxEvents) };
        }
      } catch (err) {
        log.error({ err }, 'a topic of the catalog cannot be read');
        continue;
      }
      byName.set(`${known.topic.tenant}/${known.topic.name}`, known);
      this.#byText.set(text, known);
    }
    for (const text of this.#byText.keys()) if (!texts.includes(text)) this.#byText.delete(text);
    this.#byName = byName;
    return true;
  }
}
