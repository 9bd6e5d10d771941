// Deliveries that wait for the user, in the order in which they came, with gaps in their places. Bounded by its owner.

import type { Delivery } from './durable-options.ts';
import type { Gap } from './events.ts';

type Entry<T> =
  | { readonly kind: 'events'; readonly partition: number; readonly events: readonly Delivery<T>[]; next: number }
  | { readonly kind: 'gap'; readonly gap: Gap };

/** 1,000 gaps that nobody reads: the oldest go, since only the edge knows what Kafka no longer has, and tells its ledger. */
const MAX_GAPS = 1000;

export class HeldDeliveries<T> {
  #entries: Entry<T>[] = [];

  /** @param events not empty, of one partition */
  push(partition: number, events: readonly Delivery<T>[]): void {
    this.#entries.push({ kind: 'events', partition, events, next: 0 });
  }

  pushGap(gap: Gap): void {
    const gaps = this.#entries.filter(({ kind }) => kind === 'gap').length;
    if (gaps >= MAX_GAPS)
      this.#entries.splice(
        this.#entries.findIndex(({ kind }) => kind === 'gap'),
        1,
      );
    this.#entries.push({ kind: 'gap', gap });
  }

  takeGap(): Gap | undefined {
    const entry = this.#entries[0];
    if (entry?.kind !== 'gap') return undefined;
    this.#entries.shift();
    return entry.gap;
  }

  /** @returns undefined when there is none or a gap stands before it */
  takeOne(): Delivery<T> | undefined {
    const entry = this.#entries[0];
    if (entry?.kind !== 'events') return undefined;
    const event = entry.events[entry.next];
    entry.next += 1;
    if (entry.next === entry.events.length) this.#entries.shift();
    return event;
  }

  /** Those of one frame that are left. @returns undefined when there is none or a gap stands before it */
  takeBatch(): { readonly partition: number; readonly events: readonly Delivery<T>[] } | undefined {
    const entry = this.#entries[0];
    if (entry?.kind !== 'events') return undefined;
    this.#entries.shift();
    return { partition: entry.partition, events: entry.events.slice(entry.next) };
  }

  /** @returns the deliveries that were there */
  clear(): readonly Delivery<T>[] {
    const left = this.#entries.flatMap((entry) => (entry.kind === 'events' ? entry.events.slice(entry.next) : []));
    this.#entries = [];
    return left;
  }
}
