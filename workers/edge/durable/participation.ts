// This edge's part in one durable subscription: its consumers, the shards it leads for them, and what the others have.
//
//   sync: show consumers ─▶ who is there? ─▶ who should have which shard? ─▶ release what went, acquire what came
//
// Runs every second, at each notice, and when a lease that is in the way ends. One sync at a time.

import type { Logger } from '../../../platform/log.ts';
import { type DurableDefinition, SHARD_RENEW_MS } from '../../../schemas/durable.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { ChannelPlan } from '../delivery.ts';
import type { Follower, LostRange } from '../follower.ts';
import type { ReplayClient } from '../replay-client.ts';
import type { Consumer, ConsumerHost } from './consumer.ts';
import { ConsumerStream, type Followed } from './consumer-stream.ts';
import type { DurableTelemetry } from './durable-telemetry.ts';
import { EventShards } from './event-shards.ts';
import { LedShards } from './led-shards.ts';
import type { ShardLead } from './shard-lead.ts';
import type { ShardStore } from './shard-store.ts';
import { shardTargets } from './shard-targets.ts';

export interface ParticipationContext {
  readonly store: ShardStore;
  readonly telemetry: DurableTelemetry;
  readonly replays: Pick<ReplayClient, 'ask' | 'release'>;
  readonly log: Logger;
  readonly now: () => number;
  readonly random: () => number;
  readonly maxInFlightBytes: number;
  readonly maxBacklogBytes: number;
  /** @throws MdsError when the topic is gone, or the filter does not fit it */
  planOf(definition: DurableDefinition): ChannelPlan;
  /** @throws MdsError */
  topicOf(definition: DurableDefinition): { readonly name: string; readonly partitions: number };
  follow(
    definition: DurableDefinition,
    follower: Follower,
    resume: ReadonlyMap<number, { offset: number; index: number }>,
  ): Followed;
  /** @throws MdsError when the identity may not read all of its events */
  assertMayConsume(identity: Identity, definition: DurableDefinition): void;
  /** Its last consumer left, and everything is given back. */
  onIdle(participation: Participation): void;
}

export class Participation implements ConsumerHost {
  readonly #context: ParticipationContext;
  #definition: DurableDefinition;
  #shards: EventShards;
  /** By name: a newer one of the same name takes the place of the older. */
  readonly #consumers = new Map<string, Consumer>();
  readonly #streams = new Map<Consumer, ConsumerStream>();
  readonly #led: LedShards;
  readonly #superseded = new WeakSet<Consumer>();
  #syncing: Promise<void> | null = null;
  #isSyncWanted = false;
  #nextSyncMs = 0;
  #hasSynced = false;
  #isGone = false;

  constructor(context: ParticipationContext, definition: DurableDefinition) {
    this.#context = context;
    this.#definition = definition;
    this.#shards = new EventShards(definition.group);
    this.#led = new LedShards({
      ...context,
      definition: () => this.#definition,
      plan: () => context.planOf(this.#definition),
      onLed: (consumer) => this.#streams.get(consumer)?.forget(),
      onGiven: () => this.#tellConsuming(),
      onTaken: () => {
        this.#tellConsuming();
        this.wake();
      },
      onStoreFailed: this.#onStoreFailed,
      onSettled: () => this.#wakeWhenLeft(),
    });
  }

  get id(): string {
    return this.#definition.id;
  }

  get isIdle(): boolean {
    return this.#consumers.size === 0 && this.#led.isSettled && this.#syncing === null;
  }

  get consumerCount(): number {
    return this.#consumers.size;
  }

  get leads(): Iterable<ShardLead> {
    return this.#led.leads;
  }

  add(consumer: Consumer): void {
    const older = this.#consumers.get(consumer.consumer);
    if (older) this.#supersede(older);
    consumer.host = this;
    this.#consumers.set(consumer.consumer, consumer);
    this.#streams.set(consumer, this.#streamOf(consumer));
    this.wake();
  }

  applyDefinition(definition: DurableDefinition): void {
    const before = this.#definition;
    this.#definition = definition;
    if (JSON.stringify(before.group) !== JSON.stringify(definition.group))
      this.#shards = new EventShards(definition.group);
    for (const consumer of this.#consumers.values()) {
      let hasSought = false;
      for (const lead of consumer.leads.values()) if (lead.applyDefinition()) hasSought = true;
      if (before.mandatoryFilter !== definition.mandatoryFilter) this.recheck(consumer, consumer.identity);
      const isOther = (['filter', 'fields', 'state', 'group'] as const).some(
        (part) => JSON.stringify(before[part]) !== JSON.stringify(definition[part]),
      );
      if (hasSought || isOther) this.#restart(consumer);
    }
    this.#tellConsuming();
  }

  /** The subscription was deleted. */
  end(): void {
    this.#isGone = true;
    this.#led.abandon();
    const error = new MdsError('MDS_SUBSCRIPTION_UNKNOWN', { id: this.#definition.name });
    for (const consumer of [...this.#consumers.values()]) consumer.fail(error);
  }

  /** Something changed: look now. */
  wake(): void {
    this.#led.wake();
    if (this.#syncing) this.#isSyncWanted = true;
    else this.#startSync();
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#nextSyncMs) this.wake();
    this.#led.tick(nowMs);
    for (const [consumer, stream] of this.#streams) {
      stream.advance();
      consumer.pump();
      consumer.tick(nowMs);
    }
  }

  /** Everything that was given back is stored. */
  async settled(): Promise<void> {
    await this.#syncing;
    await this.#led.settled();
  }

  recheck(consumer: Consumer, identity: Identity): void {
    try {
      this.#context.assertMayConsume(identity, this.#definition);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      consumer.fail(error);
    }
  }

  onRoom(consumer: Consumer): void {
    this.#streams.get(consumer)?.advance();
    consumer.pump();
  }

  onEnded(consumer: Consumer): void {
    this.#streams.get(consumer)?.stop();
    this.#streams.delete(consumer);
    if (this.#consumers.get(consumer.consumer) === consumer) this.#consumers.delete(consumer.consumer);
    for (const lead of [...consumer.leads.values()]) this.#led.release(lead);
    // One that was superseded hands on its place.
    const isPresent = !this.#isGone && !this.#superseded.has(consumer);
    if (isPresent) this.#led.leave(() => this.#context.store.hideConsumer(this.id, consumer));
    this.#wakeWhenLeft();
  }

  #supersede(consumer: Consumer): void {
    this.#superseded.add(consumer);
    const { name: subscription } = this.#definition;
    consumer.fail(new MdsError('MDS_CONSUMER_SUPERSEDED', { subscription, consumer: consumer.consumer }));
  }

  #startSync(): void {
    this.#isSyncWanted = false;
    this.#nextSyncMs = this.#context.now() + SHARD_RENEW_MS;
    if (this.#consumers.size === 0 || this.#isGone) return;
    this.#syncing = this.#sync()
      .catch(this.#onStoreFailed)
      .finally(() => {
        this.#syncing = null;
        this.#hasSynced = true;
        this.#tellConsuming();
        if (this.#isSyncWanted) this.#startSync();
        else this.#wakeWhenLeft();
      });
  }

  async #sync(): Promise<void> {
    const mine = [...this.#consumers.values()];
    const present = await this.#context.store.showConsumers(this.id, mine);
    for (const consumer of mine) {
      const entry = present.find((one) => one.consumer === consumer.consumer);
      if (!entry || consumer.isEnded) continue;
      if (entry.connection !== consumer.connection) {
        this.#supersede(consumer);
        continue;
      }
      consumer.joinedMs = entry.joinedMs;
      consumer.connectedMs = entry.connectedMs;
    }
    const { group } = this.#definition;
    const targets = shardTargets(group?.shards ?? 1, present, group !== null);
    for (const consumer of mine) await this.#follow(consumer, targets);
  }

  async #follow(consumer: Consumer, targets: ReadonlyMap<number, string>): Promise<void> {
    const { hasTaken, againMs } = await this.#led.follow(consumer, targets);
    this.#nextSyncMs = Math.min(this.#nextSyncMs, this.#context.now() + againMs);
    if (!hasTaken || consumer.isEnded) return;
    consumer.onShards();
    this.#restart(consumer);
  }

  #wakeWhenLeft(): void {
    if (this.isIdle) this.#context.onIdle(this);
  }

  #restart(consumer: Consumer): void {
    const stream = this.#streams.get(consumer);
    if (this.#definition.state === 'paused') stream?.stop();
    else stream?.restart();
    this.#tellConsuming();
    consumer.pump();
  }

  #streamOf(consumer: Consumer): ConsumerStream {
    const { now, maxBacklogBytes } = this.#context;
    return new ConsumerStream({
      leads: consumer.leads,
      maxBacklogBytes,
      now,
      partitions: () => this.#context.topicOf(this.#definition).partitions,
      shards: () => this.#shards,
      follow: (follower, resume) => this.#context.follow(this.#definition, follower, resume),
      isFull: () => consumer.isFull,
      onOffered: () => consumer.pump(),
      onLost: (range) => this.#onLost(consumer, range),
      onFailed: (error) => consumer.fail(error),
    });
  }

  #onLost(consumer: Consumer, range: LostRange): void {
    const lost = [...consumer.leads.values()].filter((lead) => lead.lose(range));
    if (lost.length > 0) consumer.tellLost(range);
  }

  #tellConsuming(): void {
    if (!this.#hasSynced || this.#isGone) return;
    const definition = this.#definition;
    const { id: subscription, name, filter, group, ackTimeoutMs, maxInFlight, seek } = definition;
    for (const consumer of this.#consumers.values()) {
      try {
        const { channel, plan } = this.#context.planOf(definition);
        consumer.channel = channel;
        const state = definition.state === 'paused' ? 'paused' : consumer.leads.size > 0 ? 'active' : 'standby';
        consumer.tellConsuming({
          subscription,
          name,
          topic: this.#context.topicOf(definition).name,
          filter: filter === '' ? '' : plan.filter,
          state,
          shardCount: group?.shards ?? 1,
          ackTimeoutMs,
          maxInFlight,
          seekRevision: seek.revision,
        });
      } catch (error) {
        if (!(error instanceof MdsError)) throw error;
        consumer.fail(error);
      }
    }
  }

  /** Redis is away, or has hung: whoever waits for it tries again. */
  readonly #onStoreFailed = (error: unknown): void => {
    this.#context.log.debug({ subscription: this.id, reason: reasonOf(error) }, 'a durable subscription is not stored');
  };
}
