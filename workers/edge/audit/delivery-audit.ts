// Takes samples for the delivery audit: now and then a random channel and partition, followed for a few seconds.

import { randomInt } from 'node:crypto';
import type { Logger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import { type AuditKeys, type AuditSample, MAX_WAITING_SAMPLES } from '../../../schemas/audit.ts';
import type { CatalogTopic, Interest } from '../../../schemas/coordination.ts';
import type { Cursor } from '../../../schemas/cursor.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import type { Plan } from '../../../schemas/plan/plan.ts';
import type { Delivery } from '../delivery.ts';
import type { Subscription } from '../subscription.ts';
import { AuditFollower } from './audit-follower.ts';

/** 4 s: positions are told every few seconds, and quiet channels have a range only by them. */
const FOLLOWED_MS = 4000;
/** A channel may wait for a position somewhat longer. */
const PATIENCE_MS = 10_000;

export interface DeliveryAuditOptions {
  readonly edgeId: string;
  readonly delivery: Pick<Delivery, 'interests' | 'follow'>;
  readonly topics: () => ReadonlyMap<number, CatalogTopic>;
  readonly redis: Redis;
  readonly keys: AuditKeys;
  /** Between the beginnings of two samples; 0: none are taken. */
  readonly intervalMs: number;
  readonly log: Logger;
  readonly now: () => number;
}

interface Taking {
  readonly interest: Interest;
  readonly partition: number;
  readonly follower: AuditFollower;
  readonly subscription: Subscription;
  readonly sinceMs: number;
}

export class DeliveryAudit {
  readonly #options: DeliveryAuditOptions;
  #taking: Taking | null = null;
  #lastMs: number;

  constructor(options: DeliveryAuditOptions) {
    this.#options = options;
    this.#lastMs = options.now();
  }

  /** Called some times a second. */
  tick(): void {
    const { intervalMs, now } = this.#options;
    if (intervalMs === 0) return;
    const nowMs = now();
    if (this.#taking === null) {
      if (nowMs - this.#lastMs < intervalMs) return;
      this.#lastMs = nowMs;
      this.#begin(nowMs);
      return;
    }
    const { follower, subscription, sinceMs } = this.#taking;
    const elapsedMs = nowMs - sinceMs;
    if (elapsedMs < FOLLOWED_MS && !follower.isLong) return;
    if (follower.range === null && elapsedMs < PATIENCE_MS) return;
    subscription.end();
  }

  #begin(nowMs: number): void {
    const { delivery, topics, log } = this.#options;
    const interest = anyOf(delivery.interests());
    const topic = interest && topics().get(interest.topicId);
    if (!interest || !topic) return;
    const plan = interest.plan as Plan; // this edge made it
    const partition = randomInt(topic.partitions);
    const follower = new AuditFollower(plan.format, partition, () => this.#finish());
    try {
      const subscription = delivery.follow(follower, topic, { plan, channel: interest.channel, cost: 0 }, null);
      if (!subscription.isEnded) this.#taking = { interest, partition, follower, subscription, sinceMs: nowMs };
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      log.debug({ reason: error.message }, 'no sample for the audit can be taken now');
    }
  }

  #finish(): void {
    const taking = this.#taking;
    this.#taking = null;
    const range = taking?.follower.range;
    if (!taking || !range) return;
    const { edgeId, redis, keys, log, now } = this.#options;
    const { topicId, channel, plan } = taking.interest;
    const { partition } = taking;
    const sample: AuditSample = {
      edgeId,
      topicId,
      channel,
      plan,
      partition,
      from: wire(range.from),
      to: wire(range.to),
      given: range.given.map(wire),
      takenMs: now(),
    };
    redis
      .multi()
      .lpush(keys.samples, JSON.stringify(sample))
      .ltrim(keys.samples, 0, MAX_WAITING_SAMPLES - 1)
      .exec()
      .catch((error: unknown) => log.debug({ reason: reasonOf(error) }, 'a sample for the audit was lost'));
  }
}

const wire = ({ offset, index }: Cursor): [number, number] => [offset, index];

/** Each with the same chance, in one pass (reservoir sampling, algorithm R). */
function anyOf<Item>(items: Iterable<Item>): Item | undefined {
  let chosen: Item | undefined;
  let count = 0;
  for (const item of items) {
    count += 1;
    if (randomInt(count) === 0) chosen = item;
  }
  return chosen;
}
