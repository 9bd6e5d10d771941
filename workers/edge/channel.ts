// A channel at the edge: all equal subscriptions of its clients, which share one interest and the same frames. A client
// with several live subscriptions on one channel gets each frame once.

import type { CatalogTopic } from '../../schemas/coordination.ts';
import type { Plan } from '../../schemas/plan/plan.ts';
import type { Client } from './client.ts';
import type { BuiltFrame } from './events-frame.ts';
import type { Subscription } from './subscription.ts';

export class Channel {
  readonly id: string;
  readonly topic: CatalogTopic;
  readonly plan: Plan;
  /** The generation of the present interest. */
  generation: number;
  /** When to withdraw the interest; null while there are subscriptions. */
  lingerUntilMs: number | null = null;
  /** In every state. */
  readonly subscriptions = new Set<Subscription>();
  /** Those in the middle of a replay, which may hold frames for the seam. */
  readonly catchingUp = new Set<Subscription>();
  /** Clients that get the channel's frames, with the number of their live subscriptions. */
  readonly #members = new Map<Client, number>();

  constructor(id: string, topic: CatalogTopic, plan: Plan, generation: number) {
    this.id = id;
    this.topic = topic;
    this.plan = plan;
    this.generation = generation;
  }

  get hasAudience(): boolean {
    return this.#members.size > 0 || this.catchingUp.size > 0;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  /** From now on the client gets every frame of the channel. */
  addMember(client: Client): void {
    this.#members.set(client, (this.#members.get(client) ?? 0) + 1);
  }

  removeMember(client: Client): void {
    const count = this.#members.get(client) ?? 0;
    if (count > 1) this.#members.set(client, count - 1);
    else this.#members.delete(client);
  }

  /** Gives the frames to every member, and to those who hold them for their seam. A slow client closes only itself. */
  publish(frames: readonly BuiltFrame[]): void {
    for (const frame of frames) {
      for (const client of this.#members.keys()) client.send(frame.bytes);
      for (const subscription of this.catchingUp) subscription.hold(frame);
    }
  }
}
