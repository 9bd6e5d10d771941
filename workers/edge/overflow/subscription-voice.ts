// What every subscription with a follower of its own says to its client, and what it counts of that: where it begins and
// stands, what is lost, its events, how it ends. When to say it is the subscription's own affair.

import { CLOSE_CODES } from '../../../schemas/close-codes.ts';
import type { SubscriptionView } from '../../../schemas/connection-control.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import type { Cursor, Position } from '../../../schemas/cursor.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { ServerFrame, WireCursor } from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import { encodeResumeToken } from '../../../schemas/resume-token.ts';
import type { Recipient } from '../client.ts';
import type { ClientOutput } from '../client-output.ts';
import type { ChannelPlan } from '../delivery.ts';
import type { EventBatch, LostRange } from '../follower.ts';
import { smoothed } from '../smoothed-latency.ts';
import type { Subscription } from '../subscription.ts';
import type { ShedCounts } from './waiting-events.ts';

/** What a client asked for. */
export interface FollowerWish {
  readonly id: string;
  readonly topic: CatalogTopic;
  readonly plan: ChannelPlan;
  /** As it is told: what it asked for, in canonical form. */
  readonly filter: string;
  /** @throws MdsError when the identity does not read what was planned */
  readonly assertReads: (identity: Identity) => void;
}

export interface VoiceOptions {
  readonly client: Recipient;
  /** How the client is spoken to. */
  readonly output: ClientOutput;
  readonly wish: FollowerWish;
  readonly now: () => number;
}

export class SubscriptionVoice {
  readonly #options: VoiceOptions;
  #lastToken = '';
  #deliveredEvents = 0;
  #latencyMs: number | null = null;
  #isEnded = false;
  /** By which it follows its channel; null until it does. */
  following: Subscription | null = null;

  constructor(options: VoiceOptions) {
    this.#options = options;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  view(kind: 'shared' | 'overflow', shed: ShedCounts): SubscriptionView {
    const { id, topic, plan } = this.#options.wish;
    return {
      ...{ id, kind, topic: topic.name, filter: plan.plan.filter, channel: plan.channel },
      state: this.following?.state ?? 'joining',
      deliveredEvents: this.#deliveredEvents,
      droppedEvents: shed.dropped,
      conflatedEvents: shed.conflated,
      inFlightEvents: 0,
      latencyMs: this.#latencyMs,
    };
  }

  sayStart(position: Position, replaying: boolean): void {
    const { id, topic, filter } = this.#options.wish;
    this.#lastToken = this.#tokenOf(position);
    const { name, partitions } = topic;
    const start = { channel: '', topic: name, filter, position: this.#lastToken, partitions, replaying };
    this.say({ type: 'subscribed', id, ...start });
  }

  sayLive(): void {
    this.say({ type: 'live', id: this.#options.wish.id });
  }

  sayLost({ partition, from, to, error: { code, message } }: LostRange): void {
    const { id } = this.#options.wish;
    this.say({ type: 'gap', id, partition, from: wire(from), to: wire(to), code, message });
  }

  /** Nothing when it has been said. */
  sayPosition(position: Position): void {
    const token = this.#tokenOf(position);
    if (token === this.#lastToken) return;
    this.#lastToken = token;
    this.say({ type: 'position', id: this.#options.wish.id, token });
  }

  say(frame: ServerFrame): void {
    this.#options.output.say(frame);
  }

  give({ partition, from, to, recordMs, publishedMs, events }: Omit<EventBatch, 'byteLength'>): void {
    const { output, now, wish } = this.#options;
    const sentMs = now();
    this.#deliveredEvents += events.length;
    this.#latencyMs = smoothed(this.#latencyMs, events.length === 0 ? 0 : recordMs, sentMs);
    const { id: subscriptionId, plan } = wish;
    output.give({
      ...{ channel: plan.channel, subscriptionId, partition, from, to },
      ...{ recordMs, publishedMs, sentMs, events },
    });
  }

  /** Once; a gap that nothing can close closes the connection, which resumes. */
  end(subscription: { readonly id: string }, error: MdsError | null): void {
    const { client } = this.#options;
    this.#isEnded = true;
    client.onSubscriptionEnded(subscription);
    if (error === null) return;
    const { code, message, retryable, details } = error;
    if (code === 'MDS_GAP') client.close(CLOSE_CODES.GAP, error);
    else this.say({ type: 'error', id: subscription.id, code, message, retryable, details });
  }

  /** Ends it when that identity does not read what was planned. */
  recheck(identity: Identity): void {
    try {
      this.#options.wish.assertReads(identity);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      this.following?.fail(error);
    }
  }

  #tokenOf(position: Position): string {
    return encodeResumeToken({ topicId: this.#options.wish.topic.topicId, position });
  }
}

export const wire = ({ offset, index }: Cursor): WireCursor => [offset, index];
