// A channel at the edge: all equal subscriptions of its clients, which share one interest and the same frames. A client
// with several live subscriptions on one channel gets each frame once; a follower gets each batch.

import type { CatalogTopic } from '../../schemas/coordination.ts';
import type { Cursor } from '../../schemas/cursor.ts';
import type { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import type { Plan } from '../../schemas/plan/plan.ts';
import type { Client } from './client.ts';
import type { FrameBuilder } from './events-frame.ts';
import { batchOf, type Follower } from './follower.ts';
import type { CountSent } from './gather.ts';
import { GatheredEvents } from './gathered-events.ts';
import type { ExpiredRange } from './replay-output.ts';
import { smoothed } from './smoothed-latency.ts';
import type { Audience, Subscription } from './subscription.ts';

/** The part of an envelope that is new here. */
export interface AppliedRange {
  /** Exclusive. */
  readonly after: Cursor;
  readonly to: Cursor;
}

export class Channel {
  readonly id: string;
  readonly topic: CatalogTopic;
  readonly plan: Plan;
  /** The generation of the present interest. */
  generation: number;
  /** When that began. */
  wantedMs = 0;
  /** When to withdraw the interest; null while there are subscriptions. */
  lingerUntilMs: number | null = null;
  /** The gather knows that this channel has events. */
  isListed = false;
  /** Events that were published to those who were its members then. */
  publishedEvents = 0;
  /** Of the last frames, smoothed; null before the first. */
  latencyMs: number | null = null;
  /** In every state. */
  readonly subscriptions = new Set<Subscription>();
  /** Those in the middle of a replay, which may hold frames for the seam. */
  readonly catchingUp = new Set<Subscription>();
  /** Clients that get the channel's frames, with the number of their live subscriptions. */
  readonly #members = new Map<Client, number>();
  readonly #followers = new Set<Follower>();
  /** By partition; kept for the next time when they are empty. */
  readonly #gathered: (GatheredEvents | undefined)[] = [];
  /** Those of them that hold events. */
  readonly #inOrder: GatheredEvents[] = [];
  /** By partition: where the last frame of the channel ended. */
  readonly #publishedTo: (Cursor | undefined)[] = [];

  constructor(id: string, topic: CatalogTopic, plan: Plan, generation: number) {
    this.id = id;
    this.topic = topic;
    this.plan = plan;
    this.generation = generation;
  }

  get hasAudience(): boolean {
    return this.#members.size > 0 || this.#followers.size > 0 || this.catchingUp.size > 0;
  }

  /** Some client gets the channel's own frames, or some follower would rather go on later. */
  get hasSuspendable(): boolean {
    if (this.#members.size > 0) return true;
    for (const { isPaused } of this.#followers) if (isPaused === true) return true;
    return false;
  }

  get hasGathered(): boolean {
    return this.#inOrder.length > 0;
  }

  /** From now on it gets everything of the channel. */
  addMember(audience: Audience): void {
    if (audience.kind === 'follower') this.#followers.add(audience.follower);
    else this.#members.set(audience.client, (this.#members.get(audience.client) ?? 0) + 1);
  }

  removeMember(audience: Audience): void {
    if (audience.kind === 'follower') {
      this.#followers.delete(audience.follower);
      return;
    }
    const count = this.#members.get(audience.client) ?? 0;
    if (count > 1) this.#members.set(audience.client, count - 1);
    else this.#members.delete(audience.client);
  }

  /**
   * Keeps the channel's events of an applied envelope for the next frame.
   *
   * @param at where the channel's section begins
   * @param isPartial part of the envelope lies outside the range
   */
  take(envelope: EnvelopeReader, at: number, { after, to }: AppliedRange, isPartial: boolean): void {
    let events = this.#gathered[envelope.partition];
    if (!events) {
      events = new GatheredEvents(envelope.partition);
      this.#gathered[envelope.partition] = events;
    }
    const wasEmpty = events.count === 0;
    if (events.take(envelope, at, isPartial ? after : null, isPartial ? to : null) === 0) return;
    events.to = to;
    if (!wasEmpty) return;
    events.from = after;
    this.#inOrder.push(events);
  }

  /**
   * Makes frames of what was gathered and gives them to every member, and to those who hold them for their seam. A slow
   * client closes only itself.
   */
  publish(builder: FrameBuilder, sentMs: number, count: CountSent): void {
    const gathered = this.#inOrder;
    for (let i = 0; i < gathered.length; i++) {
      const events = gathered[i];
      if (!events) continue;
      if (this.hasAudience) this.#publishPartition(builder, events, sentMs, count);
      this.#publishedTo[events.partition] = events.to;
      events.clear();
    }
    gathered.length = 0;
  }

  /** Where the last frame of the partition ended; undefined before the first. */
  publishedTo(partition: number): Cursor | undefined {
    return this.#publishedTo[partition];
  }

  /** Everybody who would have got the range is told that it will not come. What was gathered before it has been published. */
  tellLost(range: ExpiredRange): void {
    for (const subscription of [...this.subscriptions]) subscription.tellLost(range);
  }

  #publishPartition(builder: FrameBuilder, events: GatheredEvents, sentMs: number, count: CountSent): void {
    this.publishedEvents += events.count;
    this.latencyMs = smoothed(this.latencyMs, events.oldestRecordMs, sentMs);
    const members = this.#members.size;
    if (members > 0 || this.catchingUp.size > 0) {
      let frames = 0;
      builder.build(this.id, this.plan.format, events, sentMs, (frame) => {
        frames += 1;
        for (const client of this.#members.keys()) client.send(frame.bytes, frame.eventCount);
        if (this.catchingUp.size === 0) return;
        const kept = { ...frame, bytes: Buffer.from(frame.bytes) };
        for (const subscription of this.catchingUp) subscription.holdFrame(kept);
      });
      if (members > 0) count(events.oldestRecordMs, frames * members, events.count * members);
    }
    if (this.#followers.size === 0 && this.catchingUp.size === 0) return;
    const batch = batchOf(events);
    for (const follower of [...this.#followers]) follower.onEvents(batch);
    for (const subscription of this.catchingUp) subscription.holdBatch(batch);
    if (this.#followers.size > 0)
      count(events.oldestRecordMs, this.#followers.size, events.count * this.#followers.size);
  }
}
