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
import { type Identity, mayDo } from '../../schemas/identity/identity.ts';
import { readingFilter } from '../../schemas/identity/reading-filter.ts';
import { mayReadThrough } from '../../schemas/identity/reading-through.ts';
import { checkKey } from '../../schemas/plan/event-key.ts';
import { makePlan } from '../../schemas/plan/plan.ts';
import { maySeeUseOf } from '../access/reading.ts';
import type { Changing } from '../audit/change.ts';
import { untilTold } from '../ownership/told.ts';
import type { Queryable } from '../store/queryable.ts';
import { keepQuota } from '../store/quota.ts';
import {
  changeDelivery,
  changePosition,
  changeState,
  countSubscriptions,
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

  /**
   * What its maker must satisfy stays part of it: also if grants change, and whoever consumes it.
   *
   * @param quota how many the tenant may have; null: any
   */
  async create(
    identity: Identity,
    wish: NewSubscription,
    quota: number | null,
    change: Changing,
  ): Promise<Subscription> {
    const { topics, kafka, onChange } = this.#parts;
    const { tenant } = identity;
    const topic = await topics.find(tenant, wish.topic);
    const schema = parseAvroSchema(topic.schemaJson);
    const mandatoryFilter = readingFilter(identity, wish.topic, '', schema);
    const filter = readingFilter(identity, wish.topic, wish.filter ?? '', schema);
    const plan = makePlan({ filter, fields: wish.fields }, schema); // refuses what cannot work
    if (wish.group) checkKey(wish.group.key, schema as AvroRecord, plan.fields); // makePlan has refused all but records
    const subscriptionId = `sub-${randomUUID()}`;
    const { backoffBaseMs = DEFAULT_BACKOFF_BASE_MS } = wish;
    const { backoffMaxMs = Math.max(DEFAULT_BACKOFF_MAX_MS, backoffBaseMs) } = wish;
    if (backoffBaseMs > backoffMaxMs) throw waitsContradict();
    const row = {
      subscriptionId,
      tenant,
      name: wish.name,
      topicId: topic.topicId,
      filter: wish.filter ?? '',
      mandatoryFilter,
      plannedFilter: mandatoryFilter === '' ? null : filter,
      createdBy: identity.subject,
      fields: wish.fields ?? null,
      ackTimeoutMs: wish.ackTimeoutMs ?? DEFAULT_ACK_TIMEOUT_MS,
      backoffBaseMs,
      backoffMaxMs,
      maxAttempts: wish.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
      maxInFlight: wish.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT,
      groupKey: wish.group?.key ?? null,
      groupShards: wish.group?.shards ?? null,
      seekPosition: await startPositionOf(wish.start ?? 'latest', topic, kafka),
    };
    const isInserted = await change.commit(
      async (db) => {
        await keepQuota(db, tenant, 'subscriptions', quota, countSubscriptions);
        return insertSubscription(db, row);
      },
      (done) => (done ? { id: subscriptionId, after: { ...wish, mandatoryFilter } } : null),
    );
    if (!isInserted) throw new MdsError('MDS_ALREADY_EXISTS', { what: 'subscription', id: wish.name });
    onChange();
    await this.#untilTold(subscriptionId);
    return this.read(identity, subscriptionId);
  }

  async read(identity: Identity, idOrName: string): Promise<Subscription> {
    const row = await this.find(identity, idOrName);
    const [subscription] = await this.shown([row]);
    if (subscription === undefined) throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id: idOrName });
    return subscription;
  }

  async change(
    identity: Identity,
    idOrName: string,
    wish: SubscriptionChange,
    change: Changing,
  ): Promise<Subscription> {
    const row = await this.findToChange(identity, idOrName);
    const { subscriptionId } = row;
    const isChanged = await change.commit(
      (db) => changeDelivery(db, subscriptionId, wish),
      (done) => (done ? { id: subscriptionId, before: settingsOf(row), after: { ...settingsOf(row), ...wish } } : null),
    );
    if (!isChanged) throw waitsContradict();
    this.#parts.onChange();
    return this.read(identity, subscriptionId);
  }

  async setState(
    identity: Identity,
    idOrName: string,
    state: SubscriptionRow['state'],
    change: Changing,
  ): Promise<Subscription> {
    const { subscriptionId, state: before } = await this.findToChange(identity, idOrName);
    await change.commit(
      (db) => changeState(db, subscriptionId, state),
      () => ({ id: subscriptionId, before: { state: before }, after: { state } }),
    );
    this.#parts.onChange();
    return this.read(identity, subscriptionId);
  }

  async seek(identity: Identity, idOrName: string, to: StartPosition, change: Changing): Promise<Subscription> {
    const { kafka, onChange } = this.#parts;
    const row = await this.findToChange(identity, idOrName);
    const { subscriptionId, seekPosition } = row;
    const position = await startPositionOf(to, { ...row, name: row.topic }, kafka);
    await change.commit(
      (db) => changePosition(db, subscriptionId, position),
      () => ({ id: subscriptionId, before: { position: seekPosition }, after: { position } }),
    );
    onChange();
    return this.read(identity, subscriptionId);
  }

  /** What Redis holds of it goes with the leader's next look. */
  async delete(identity: Identity, idOrName: string, change: Changing): Promise<void> {
    const row = await this.findToChange(identity, idOrName);
    const { subscriptionId } = row;
    await change.commit(
      (db) => deleteSubscription(db, subscriptionId),
      () => ({ id: subscriptionId, before: { ...settingsOf(row), filter: row.filter, topic: row.topic } }),
    );
    this.#parts.onChange();
  }

  /** @throws MdsError `MDS_SUBSCRIPTION_UNKNOWN`, also of one that the identity may not even see */
  async find(identity: Identity, idOrName: string): Promise<SubscriptionRow> {
    const row = await findSubscription(this.#parts.db, identity.tenant, idOrName);
    if (row === null || !maySeeUseOf(identity, row.topic))
      throw new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id: idOrName });
    return row;
  }

  /** @throws MdsError `MDS_SUBSCRIPTION_UNKNOWN`, or `MDS_FORBIDDEN` when it is somebody else's */
  async findToChange(identity: Identity, idOrName: string): Promise<SubscriptionRow> {
    const row = await this.find(identity, idOrName);
    const isOwn = row.createdBy === identity.subject && mayDo(identity, 'subscribe', row.topic);
    if (!isOwn && !mayDo(identity, 'manage', row.topic)) {
      throw new MdsError('MDS_FORBIDDEN', { action: 'manage', topic: row.topic });
    }
    return row;
  }

  /** For what says something of each of its events. @throws MdsError `MDS_SUBSCRIPTION_UNKNOWN` or `MDS_FORBIDDEN` */
  async findToRead(identity: Identity, idOrName: string): Promise<SubscriptionRow> {
    const row = await this.find(identity, idOrName);
    const { schemaJson } = await this.#parts.topics.find(identity.tenant, row.topic);
    if (!mayReadThrough(identity, row.topic, row.mandatoryFilter, parseAvroSchema(schemaJson))) {
      throw new MdsError('MDS_FORBIDDEN', { action: 'read the events of', topic: row.name });
    }
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
  const { subscriptionId, name, topic, filter, mandatoryFilter, fields, state, groupKey, groupShards } = row;
  const { ackTimeoutMs, backoffBaseMs, backoffMaxMs, maxAttempts, maxInFlight } = row;
  return {
    id: subscriptionId,
    name,
    topic,
    filter,
    mandatoryFilter,
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

function settingsOf(row: SubscriptionRow) {
  const { name, state, ackTimeoutMs, backoffBaseMs, backoffMaxMs, maxAttempts, maxInFlight } = row;
  return { name, state, ackTimeoutMs, backoffBaseMs, backoffMaxMs, maxAttempts, maxInFlight };
}

function waitsContradict(): MdsError {
  const message = 'backoffBaseMs must not be more than backoffMaxMs';
  return new MdsError('MDS_REQUEST_INVALID', { problems: [message], errors: [{ at: 'body/backoffBaseMs', message }] });
}
