// Events between the sources and Kafka. Bounded: when Kafka is away for long, the oldest readings are the least wanted,
// so they are dropped and counted; memory does not grow and sampling does not stop.

export class EventQueue<T> {
  readonly #limit: number;
  #items: T[] = [];
  #dropped = 0;

  /** @param limit items held at most */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.length;
  }

  /** How many were dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  add(items: readonly T[]): void {
    this.#items.push(...items);
    const surplus = this.#items.length - this.#limit;
    if (surplus <= 0) return;
    this.#items = this.#items.slice(surplus);
    this.#dropped += surplus;
  }

  /** Takes up to `count` of the oldest. */
  take(count: number): readonly T[] {
    return this.#items.splice(0, count);
  }
}
