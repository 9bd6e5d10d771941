// The shards of one durable subscription that this edge leads: acquires them for its consumers, keeps them going, gives them
// back with everything that is known of them.

import { type DurableDefinition, SHARD_RENEW_MS, type ShardOwner } from '../../../schemas/durable.ts';
import type { ChannelPlan } from '../delivery.ts';
import type { ReplayClient } from '../replay-client.ts';
import type { Consumer } from './consumer.ts';
import { DeadLetters } from './dead-letters.ts';
import type { DurableTelemetry } from './durable-telemetry.ts';
import { Redrives } from './redrives.ts';
import { type LeadContext, ShardLead } from './shard-lead.ts';
import type { ShardStore } from './shard-store.ts';

/** What is already with a consumer that has to give a shard away may still be acknowledged for so long. */
const DRAIN_MS = 500;

export interface LedShardsContext {
  readonly store: ShardStore;
  readonly telemetry: DurableTelemetry;
  readonly replays: Pick<ReplayClient, 'ask' | 'release'>;
  readonly now: () => number;
  readonly random: () => number;
  readonly maxInFlightBytes: number;
  definition(): DurableDefinition;
  plan(): ChannelPlan;
  /** A consumer has a shard more; told before anything else can happen to it. */
  onLed(consumer: Consumer): void;
  /** A consumer has a shard less. */
  onGiven(consumer: Consumer): void;
  /** Somebody else took a shard. */
  onTaken(consumer: Consumer): void;
  onStoreFailed(error: unknown): void;
  /** Everything that was on its way out is stored. */
  onSettled(): void;
}

interface Led {
  readonly consumer: Consumer;
  readonly lead: ShardLead;
  readonly deadLetters: DeadLetters;
  readonly redrives: Redrives;
}

export class LedShards {
  readonly #context: LedShardsContext;
  readonly #led = new Map<ShardLead, Led>();
  readonly #leaving = new Set<Promise<void>>();

  constructor(context: LedShardsContext) {
    this.#context = context;
  }

  get leads(): Iterable<ShardLead> {
    return this.#led.keys();
  }

  get isSettled(): boolean {
    return this.#leaving.size === 0;
  }

  /** Operators may want something. */
  wake(): void {
    for (const { redrives } of this.#led.values()) redrives.wake();
  }

  tick(nowMs: number): void {
    for (const { lead, deadLetters, redrives } of [...this.#led.values()]) {
      lead.tick(nowMs);
      if (lead.isSuperseded) continue;
      if (lead.drainUntilMs !== null && (nowMs >= lead.drainUntilMs || !lead.book.hasSent)) this.release(lead);
      void deadLetters.tick(this.#context.definition(), nowMs).catch(this.#context.onStoreFailed);
      void redrives.tick(nowMs).catch(this.#context.onStoreFailed);
    }
  }

  /**
   * Gives away what the consumer should not have, takes what it should.
   *
   * @returns whether it took something, and when to try again where another owner's lease goes on
   */
  async follow(
    consumer: Consumer,
    targets: ReadonlyMap<number, string>,
  ): Promise<{ hasTaken: boolean; againMs: number }> {
    for (const [shard, lead] of consumer.leads) {
      if (targets.get(shard) === consumer.consumer) lead.drainUntilMs = null;
      else lead.drainUntilMs ??= this.#context.now() + DRAIN_MS;
    }
    let hasTaken = false;
    let againMs = SHARD_RENEW_MS;
    for (const [shard, name] of targets) {
      if (name !== consumer.consumer || consumer.leads.has(shard) || consumer.isEnded) continue;
      const heldMs = await this.#acquire(consumer, shard);
      if (heldMs === 'taken') hasTaken = true;
      else againMs = Math.min(againMs, heldMs);
    }
    return { hasTaken, againMs };
  }

  /** The shard goes back, with everything that is known of it. */
  release(lead: ShardLead): void {
    const led = this.#led.get(lead);
    if (!led) return;
    led.redrives.stop();
    this.#led.delete(lead);
    this.leave(async () => {
      await lead.release();
      this.#forget(led);
      led.consumer.tellStored();
      this.#context.onGiven(led.consumer);
    });
  }

  /** The subscription is gone: nothing is stored any more. */
  abandon(): void {
    for (const { lead } of this.#led.values()) lead.abandon();
  }

  /** Does something that must be stored before the edge may end. */
  leave(action: () => Promise<void>): void {
    const leaving = action()
      .catch(this.#context.onStoreFailed)
      .finally(() => {
        this.#leaving.delete(leaving);
        this.#context.onSettled();
      });
    this.#leaving.add(leaving);
  }

  async settled(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  /** @returns `taken`, or when to try again */
  async #acquire(consumer: Consumer, shard: number): Promise<'taken' | number> {
    const { store, now, replays } = this.#context;
    const { id: subscriptionId, topicId } = this.#context.definition();
    const owner: ShardOwner = {
      consumer: consumer.consumer,
      edgeId: consumer.edgeId,
      connection: consumer.connection,
    };
    const ownerText = JSON.stringify(owner);
    const askedMs = now();
    const acquired = await store.acquire(subscriptionId, shard, ownerText);
    if (acquired.kind === 'held') return acquired.leaseMs;
    if (acquired.kind === 'none') return SHARD_RENEW_MS;
    const { epoch, state } = acquired;
    const lead = new ShardLead(this.#leadContext(consumer, ownerText), { shard, epoch, state, askedMs });
    const deadLetters = new DeadLetters(lead, store, consumer.consumer);
    const { plan } = this.#context;
    const onOffered = (): void => consumer.pump();
    const redrives = new Redrives(lead, { store, replays, subscriptionId, topicId, plan, onOffered });
    this.#led.set(lead, { consumer, lead, deadLetters, redrives });
    consumer.leads.set(shard, lead);
    this.#context.onLed(consumer);
    if (consumer.isEnded) this.release(lead); // while Redis was asked
    return 'taken';
  }

  #leadContext(consumer: Consumer, owner: string): LeadContext {
    const { store, telemetry, maxInFlightBytes, now, random, definition, onStoreFailed } = this.#context;
    return {
      definition,
      store,
      telemetry,
      maxInFlightBytes,
      now,
      random,
      edgeId: consumer.edgeId,
      consumer: consumer.consumer,
      owner,
      maxInFlight: consumer.maxInFlight,
      onStored: () => consumer.tellStored(),
      onSuperseded: (lead) => {
        const led = this.#led.get(lead);
        if (!led) return;
        this.#forget(led);
        consumer.tellStored();
        this.#context.onTaken(consumer);
      },
      onRedriven: (lead, entry, as) => this.#led.get(lead)?.redrives.onSettled(entry, as),
      onStoreFailed,
    };
  }

  #forget({ consumer, lead, redrives }: Led): void {
    redrives.stop();
    this.#led.delete(lead);
    if (consumer.leads.get(lead.shard) === lead) consumer.leads.delete(lead.shard);
  }
}
