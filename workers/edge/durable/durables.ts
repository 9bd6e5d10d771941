// Durable subscriptions at this edge: finds what a client wants to consume, and keeps everything going.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../../platform/log.ts';
import { type Redis, subscribeAtStart } from '../../../platform/redis.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { type DurableDefinition, durableKeys } from '../../../schemas/durable.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { ConsumeMessage } from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { mayReadThrough } from '../../../schemas/identity/reading-through.ts';
import type { Catalog } from '../catalog.ts';
import type { Client } from '../client.ts';
import type { ChannelPlan, Delivery } from '../delivery.ts';
import type { ReplayClient } from '../replay-client.ts';
import { Consumer, type ConsumerContext } from './consumer.ts';
import { Definitions } from './definitions.ts';
import type { DurableTelemetry } from './durable-telemetry.ts';
import { Participation } from './participation.ts';
import { ShardStore } from './shard-store.ts';

/** What durable subscriptions may hold in memory, and what a client may have unread. */
export interface DurableLimits {
  readonly lowWaterBytes: number;
  readonly frameBytes: number;
  readonly maxInFlightBytes: number;
  readonly maxBacklogBytes: number;
}

export interface DurablesOptions {
  readonly edgeId: string;
  readonly redis: Redis;
  readonly prefix: string;
  readonly catalog: Catalog;
  /** Reads the topics as they are now. @returns false when they could not be read */
  readonly lookAnew: () => Promise<boolean>;
  readonly delivery: Delivery;
  readonly replays: ReplayClient;
  readonly telemetry: DurableTelemetry;
  readonly limits: DurableLimits;
  readonly log: Logger;
}

/** Resolution of ack timeouts and backoff, and half of what an `acked` waits for the next store. */
export const DURABLE_TICK_MS = 25;
/** Definitions are also read without a notice, since a notice can get lost. */
const READ_INTERVAL_MS = 2000;
/** Longer than the control plane's leader takes to tell of a subscription that was just created. */
const LOOK_FOR_MS = 3000;
const LOOK_AGAIN_MS = 100;

/** Does not go back or jump when the system's clock is set: leases depend on it. */
const steadyMs = (): number => performance.timeOrigin + performance.now();

export class Durables {
  readonly #options: DurablesOptions;
  readonly #store: ShardStore;
  readonly #definitions: Definitions;
  readonly #notify: string;
  readonly #consumerContext: ConsumerContext;
  readonly #participations = new Map<string, Participation>();
  #lastReadMs = 0;

  constructor(options: DurablesOptions) {
    this.#options = options;
    const { redis, prefix, log, edgeId, limits } = options;
    const keys = durableKeys(prefix);
    this.#notify = keys.notify;
    this.#store = new ShardStore(redis, keys, steadyMs);
    this.#definitions = new Definitions({
      redis,
      keys,
      log,
      now: steadyMs,
      onChanged: (definition) => this.#participations.get(definition.id)?.applyDefinition(definition),
      onGone: (id) => this.#participations.get(id)?.end(),
    });
    const { lowWaterBytes, frameBytes } = limits;
    this.#consumerContext = { edgeId, lowWaterBytes, frameBytes, now: steadyMs, wallClock: Date.now };
  }

  /** @param notices a connection in subscriber mode, shared with others */
  async start(notices: Redis): Promise<void> {
    notices.on('message', (channel: string, id: string) => {
      if (channel === this.#notify) void this.#onNotice(id);
    });
    await subscribeAtStart(notices, 'subscribe', [this.#notify]);
    await this.#definitions.readAll();
  }

  /**
   * Begins to consume; the answer follows as a frame.
   *
   * @throws MdsError when the client cannot take part
   */
  consume(client: Client, message: ConsumeMessage): Consumer {
    if (client.format !== 'json') throw new MdsError('MDS_DURABLE_NEEDS_JSON');
    const consumer = new Consumer(this.#consumerContext, client, message);
    const definition = this.#definitions.find(client.identity.tenant, message.subscription);
    if (definition && this.#hasTopicOf(definition)) {
      this.#assertMayConsume(client.identity, definition);
      this.#join(consumer, definition);
    } else {
      void this.#lookFor(consumer, client, message.subscription);
    }
    return consumer;
  }

  tick(): void {
    const nowMs = steadyMs();
    for (const participation of [...this.#participations.values()]) participation.tick(nowMs);
    if (nowMs - this.#lastReadMs < READ_INTERVAL_MS) return;
    this.#lastReadMs = nowMs;
    void this.#definitions.readAll();
  }

  setLevels(): void {
    let [consumers, shardsLed, inFlight, deadLettersWanted] = [0, 0, 0, 0];
    for (const participation of this.#participations.values()) {
      consumers += participation.consumerCount;
      for (const { book } of participation.leads) {
        shardsLed += 1;
        inFlight += book.inFlightCount;
        deadLettersWanted += book.deadCount;
      }
    }
    this.#options.telemetry.setLevels({ consumers, shardsLed, inFlight, deadLettersWanted });
  }

  /** Resolves when everything that consumers left behind is stored; when Redis stays away, after a lease's time. */
  async settled(): Promise<void> {
    await Promise.all([...this.#participations.values()].map((participation) => participation.settled()));
  }

  async #onNotice(id: string): Promise<void> {
    await this.#definitions.readOne(id);
    this.#participations.get(id)?.wake();
  }

  /** It or its topic may be so new that this edge has not heard of it, or Redis may have forgotten it for now. */
  async #lookFor(consumer: Consumer, client: Client, subscription: string): Promise<void> {
    const untilMs = steadyMs() + LOOK_FOR_MS;
    while (!consumer.isEnded) {
      await this.#definitions.readAll();
      const definition = this.#definitions.find(client.identity.tenant, subscription);
      if (definition && !this.#hasTopicOf(definition)) await this.#options.lookAnew();
      if (consumer.isEnded) return;
      if (definition && this.#hasTopicOf(definition)) {
        this.#joinLate(consumer, client, definition);
        return;
      }
      if (!definition && steadyMs() > untilMs && this.#definitions.isComplete)
        consumer.fail(new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id: subscription }));
      else await delay(LOOK_AGAIN_MS);
    }
  }

  /** A deleted topic takes its subscriptions with it: one without a topic is one of which this edge has not heard yet. */
  #hasTopicOf({ topicId }: DurableDefinition): boolean {
    return this.#options.catalog.topics.has(topicId);
  }

  #joinLate(consumer: Consumer, { identity }: Client, definition: DurableDefinition): void {
    try {
      this.#assertMayConsume(identity, definition);
      this.#join(consumer, definition);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      consumer.fail(error);
    }
  }

  /** Its position is one for all who take part: nobody may who would have to be kept from a part of its events. */
  #assertMayConsume(identity: Identity, definition: DurableDefinition): void {
    const topic = this.#topicOf(definition);
    const { mandatoryFilter = '' } = definition;
    if (mayReadThrough(identity, topic.name, mandatoryFilter, this.#options.catalog.schemaOf(topic))) return;
    throw new MdsError('MDS_FORBIDDEN', { action: 'subscribe', topic: topic.name });
  }

  #join(consumer: Consumer, definition: DurableDefinition): void {
    let participation = this.#participations.get(definition.id);
    if (!participation) {
      participation = this.#participationIn(definition);
      this.#participations.set(definition.id, participation);
    }
    participation.add(consumer);
  }

  #participationIn(definition: DurableDefinition): Participation {
    const { telemetry, replays, delivery, limits, log } = this.#options;
    const { maxInFlightBytes, maxBacklogBytes } = limits;
    return new Participation(
      {
        store: this.#store,
        telemetry,
        replays,
        log,
        now: steadyMs,
        random: Math.random,
        maxInFlightBytes,
        maxBacklogBytes,
        planOf: (present) => this.#planOf(present),
        topicOf: (present) => this.#topicOf(present),
        follow: (present, follower, resume) =>
          delivery.follow(follower, this.#topicOf(present), this.#planOf(present), resume),
        assertMayConsume: (identity, present) => this.#assertMayConsume(identity, present),
        onIdle: (idle) => {
          if (this.#participations.get(idle.id) === idle) this.#participations.delete(idle.id);
        },
      },
      definition,
    );
  }

  #topicOf({ topicId }: DurableDefinition): CatalogTopic {
    const topic = this.#options.catalog.topics.get(topicId);
    if (!topic) throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: topicId, hint: '; it was deleted' });
    return topic;
  }

  #planOf(definition: DurableDefinition): ChannelPlan {
    const { filter, fields } = definition;
    const request = { filter, ...(fields === null ? {} : { fields }) };
    return this.#options.catalog.planFor(this.#topicOf(definition), request, 'json');
  }
}
