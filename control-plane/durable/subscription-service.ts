// Durable subscriptions as users create, change, move and look at them. The truth is in Postgres; the leader tells edges.

import { randomUUID } from 'node:crypto';
import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import {
  DEFAULT_ACK_TIMEOUT_MS,
  DEFAULT_BACKOFF_BASE_MS,
  DEFAULT_BACKOFF_MAX_MS,
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_MAX_IN_FLIGHT,
  type NewSubscription,
  type StartPosition,
  type Subscription,
  type SubscriptionChange,
  type SubscriptionLive,
} from '../../schemas/api/subscription.ts';
import type { AvroRecord } from '../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import type { DurableKeys } from '../../schemas/durable.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { checkKey } from '../../schemas/plan/event-key.ts';
import { makePlan } from '../../schemas/plan/plan.ts';
import { untilTold } from '../ownership/told.ts';
import type { Queryable } from '../store/queryable.ts';
import {
  changeDelivery,
  changePosition,
  changeState,
  deleteSubscription,
  findSubscription,
  insertSubscription,
  type SubscriptionRow,
} from '../store/subscriptions.ts';
import type { KafkaTopics } from '../topics/ports.ts';
import type { TopicService } from '../topics/topic-service.ts';
import { readLiveStates } from './live-state.ts';
import { startPositionOf } from './start-position.ts';
import { TopicEnds } from './topic-ends.ts';

export interface SubscriptionServiceParts {
  readonly db: Queryable;
  readonly redis: Redis;
  readonly keys: DurableKeys;
  readonly topics: Pick<TopicService, 'find'>;
  readonly kafka: Pick<KafkaTopics, 'ranges' | 'endOffsets' | 'offsetsForTime'>;
  readonly log: Logger;
  /** Makes the leader look at once, when it is this process. */
  readonly onChange: () => void;
}

export class SubscriptionService {
  readonly #parts: SubscriptionServiceParts;
  readonly #ends: TopicEnds;

  constructor(parts: SubscriptionServiceParts) {
    this.#parts = parts;
    this.#ends = new TopicEnds(parts.kafka, parts.log);
  }

  async create(tenant: string, wish: NewSubscription): Promise<Subscription> {
    const { db, topics, kafka, onChange } = this.#parts;
    const topic = await topics.find(tenant, wish.topic);
    const schema = parseAvroSchema(topic.schemaJson);
    const plan = makePlan({ filter: wish.filter, fields: wish.fields }, schema); // refuses what cannot work
    if (wish.group) checkKey(wish.group.key, schema as AvroRecord, plan.fields); // makePlan has refused all but records
    const subscriptionId = `sub-${randomUUID()}`;
    const { backoffBaseMs = DEFAULT_BACKOFF_BASE_MS } = wish;
    const { backoffMaxMs = Math.max(DEFAULT_BACKOFF_MAX_MS, backoffBaseMs) } = wish;
    if (backoffBaseMs > backoffMaxMs) throw waitsContradict();
    const inserted = await insertSubscription(db, {
      subscriptionId,
      tenant,
      name: wish.name,
      topicId: topic.topicId,
      filter: wish.filter ?? '',
      fields: wish.fields ?? null,
      ackTimeoutMs: wish.ackTimeoutMs ?? DEFAULT_ACK_TIMEOUT_MS,
      backoffBaseMs,
      backoffMaxMs,
      maxAttempts: wish.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
      maxInFlight: wish.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT,
      groupKey: wish.group?.key ?? null,
      groupShards: wish.group?.shards ?? null,
      seekPosition: await startPositionOf(wish.start ?? 'latest', topic, kafka),
    });
    if (!inserted) throw new MdsError('MDS_ALREADY_EXISTS', { what: 'subscription', id: wish.name });
    onChange();
    await this.#untilTold(subscriptionId);
    return this.read(tenant, subscriptionId);
  }

  async read(tenant: string, idOrName: string): Promise<Subscription> {
    const row = await this.find(tenant, idOrName);
    const [subscription] = await this.shown([row]);
    if (subscription === undefined) throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id: idOrName });
    return subscription;
  }

  async change(tenant: string, idOrName: string, change: SubscriptionChange): Promise<Subscription> {
    const { subscriptionId } = await this.find(tenant, idOrName);
    if (!(await changeDelivery(this.#parts.db, subscriptionId, change))) throw waitsContradict();
    this.#parts.onChange();
    return this.read(tenant, subscriptionId);
  }

  async setState(tenant: string, idOrName: string, state: SubscriptionRow['state']): Promise<Subscription> {
    const { subscriptionId } = await this.find(tenant, idOrName);
    await changeState(this.#parts.db, subscriptionId, state);
    this.#parts.onChange();
    return this.read(tenant, subscriptionId);
  }

  async seek(tenant: string, idOrName: string, to: StartPosition): Promise<Subscription> {
    const { db, kafka, onChange } = this.#parts;
    const row = await this.find(tenant, idOrName);
    await changePosition(db, row.subscriptionId, await startPositionOf(to, { ...row, name: row.topic }, kafka));
    onChange();
    return this.read(tenant, row.subscriptionId);
  }

  /** What Redis holds of it goes with the leader's next look. */
  async delete(tenant: string, idOrName: string): Promise<void> {
    const { subscriptionId } = await this.find(tenant, idOrName);
    await deleteSubscription(this.#parts.db, subscriptionId);
    this.#parts.onChange();
  }

  async find(tenant: string, idOrName: string): Promise<SubscriptionRow> {
    const row = await findSubscription(this.#parts.db, tenant, idOrName);
    if (row === null) throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id: idOrName });
    return row;
  }

  /** Whoever has created a subscription may consume it at once. */
  #untilTold(subscriptionId: string): Promise<void> {
    const { redis, keys, log } = this.#parts;
    const isTold = async (): Promise<boolean> => (await redis.hexists(keys.definitions, subscriptionId)) === 1;
    return untilTold(`subscription ${subscriptionId}`, isTold, log);
  }

  async shown(rows: readonly SubscriptionRow[]): Promise<Subscription[]> {
    const live = await this.#readLive(rows);
    return rows.map((row, i) => shownWith(row, live?.[i] ?? null));
  }

  async #readLive(rows: readonly SubscriptionRow[]): Promise<SubscriptionLive[] | null> {
    const { redis, keys, log } = this.#parts;
    try {
      return await readLiveStates(redis, keys, rows, (row) => this.#ends.of(row));
    } catch (error) {
      log.debug({ reason: reasonOf(error) }, 'who consumes durable subscriptions is not known');
      return null;
    }
  }
}

function shownWith(row: SubscriptionRow, live: SubscriptionLive | null): Subscription {
  const { subscriptionId, name, topic, filter, fields, state, groupKey, groupShards } = row;
  const { ackTimeoutMs, backoffBaseMs, backoffMaxMs, maxAttempts, maxInFlight } = row;
  return {
    id: subscriptionId,
    name,
    topic,
    filter,
    fields: fields === null ? null : [...fields],
    state,
    ackTimeoutMs,
    backoffBaseMs,
    backoffMaxMs,
    maxAttempts,
    maxInFlight,
    group: groupKey === null || groupShards === null ? null : { key: [...groupKey], shards: groupShards },
    createdAt: row.createdAt.toISOString(),
    live,
  };
}

function waitsContradict(): MdsError {
  const message = 'backoffBaseMs must not be more than backoffMaxMs';
  return new MdsError('MDS_REQUEST_INVALID', { problems: [message], errors: [{ at: 'body/backoffBaseMs', message }] });
}
