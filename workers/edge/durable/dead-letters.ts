// Brings the events that a shard gave up into the dead-letter topic: asks stream workers for it until one says that it is
// done, and settles the event then. An event that is given up twice in a row is a dead letter once.

import { cursorField, type DeadLetterRequest, type DurableDefinition } from '../../../schemas/durable.ts';
import type { InFlight } from './in-flight.ts';
import type { ShardLead } from './shard-lead.ts';
import type { ShardStore } from './shard-store.ts';

/** A worker needs some milliseconds; one that ended in the middle is replaced after 3 s. */
const ASK_AGAIN_MS = 3000;
const LOOK_MS = 250;
/** Asked for and looked after at a time. */
const AT_ONCE = 500;

export class DeadLetters {
  readonly #lead: ShardLead;
  readonly #store: ShardStore;
  readonly #consumer: string;
  readonly #askedMs = new Map<string, number>();
  /** Answers that can be forgotten once the shard is stored. */
  #forget: { readonly fields: readonly string[]; readonly version: number } | null = null;
  #lastLookMs = 0;
  #isBusy = false;

  constructor(lead: ShardLead, store: ShardStore, consumer: string) {
    this.#lead = lead;
    this.#store = store;
    this.#consumer = consumer;
  }

  /** @returns true when it settled something; rejects when Redis is away */
  async tick(definition: DurableDefinition, nowMs: number): Promise<boolean> {
    const isIdle = this.#lead.book.deadCount === 0 && this.#forget === null;
    if (isIdle || this.#isBusy || nowMs - this.#lastLookMs < LOOK_MS) return false;
    this.#isBusy = true;
    this.#lastLookMs = nowMs;
    try {
      await this.#forgetStored(definition.id);
      return await this.#look(definition, nowMs);
    } finally {
      this.#isBusy = false;
    }
  }

  async #look(definition: DurableDefinition, nowMs: number): Promise<boolean> {
    const dead = new Map<string, InFlight>();
    for (const entry of this.#lead.book.dead()) {
      dead.set(cursorField(entry.partition, entry.cursor.offset, entry.cursor.index), entry);
      if (dead.size >= AT_ONCE) break;
    }
    if (dead.size === 0) return false;
    const { shard } = this.#lead;
    const written = await this.#store.writtenDeadLetters(definition.id, shard, [...dead.keys()]);
    for (const field of written) {
      const entry = dead.get(field);
      if (entry) this.#lead.book.settleDead(entry);
      dead.delete(field);
      this.#askedMs.delete(field);
    }
    if (written.length > 0) {
      this.#lead.touch();
      this.#forget = { fields: [...(this.#forget?.fields ?? []), ...written], version: this.#lead.version };
    }
    await this.#ask(definition, dead, nowMs);
    return written.length > 0;
  }

  async #ask(definition: DurableDefinition, dead: ReadonlyMap<string, InFlight>, nowMs: number): Promise<void> {
    const due = [...dead].filter(([field]) => nowMs - (this.#askedMs.get(field) ?? -ASK_AGAIN_MS) >= ASK_AGAIN_MS);
    if (due.length === 0) return;
    const { id: subscription, name: subscriptionName, topicId } = definition;
    const requests = due.map(
      ([, { partition, cursor, attempts, reason }]): DeadLetterRequest => ({
        subscription,
        subscriptionName,
        shard: this.#lead.shard,
        topicId,
        cursor: [partition, cursor.offset, cursor.index],
        attempts,
        reason,
        consumer: this.#consumer,
      }),
    );
    await this.#store.askForDeadLetters(requests);
    for (const [field] of due) this.#askedMs.set(field, nowMs);
  }

  /** Only now: an owner that takes over before must find the answer, or the event would become a second letter. */
  async #forgetStored(id: string): Promise<void> {
    const forget = this.#forget;
    if (forget === null || !this.#lead.isStored(forget.version)) return;
    await this.#store.forgetDeadLetters(id, this.#lead.shard, forget.fields);
    this.#forget = null;
  }
}
