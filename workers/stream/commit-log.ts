// How far each partition may be committed: up to the first record whose envelopes Redis, or whose dead letter Kafka, has
// not accepted yet. Pure bookkeeping.
//
//   settled ≤ received        settled: everything before is done        received: everything before is in a slab

interface Entry {
  received: number;
  settled: number;
  committed: number;
  /** Begun and not settled, in order. */
  readonly tickets: Ticket[];
  readonly waiters: (() => void)[];
}

interface Ticket {
  readonly nextOffset: number;
  done: boolean;
}

export class CommitLog {
  readonly #entries = new Map<number, Entry>();

  /** @param nextOffset the first offset that will be received */
  open(slot: number, nextOffset: number): void {
    const entry = { received: nextOffset, settled: nextOffset, committed: nextOffset, tickets: [], waiters: [] };
    this.#entries.set(slot, entry);
  }

  close(slot: number): void {
    const entry = this.#entries.get(slot);
    this.#entries.delete(slot);
    for (const resolve of entry?.waiters.splice(0) ?? []) resolve();
  }

  /** Records up to, and without, `nextOffset` are in slabs. */
  received(slot: number, nextOffset: number): void {
    const entry = this.#entries.get(slot);
    if (entry) entry.received = nextOffset;
  }

  /**
   * A run has dealt with everything before `nextOffset`; its output is on the way.
   *
   * @returns to be called when the output was accepted
   */
  begin(slot: number, nextOffset: number): () => void {
    const entry = this.#entries.get(slot);
    if (!entry) return () => {};
    const ticket = { nextOffset, done: false };
    entry.tickets.push(ticket);
    return () => {
      ticket.done = true;
      settle(entry);
    };
  }

  /** Records before `nextOffset` will never come: they are gone from Kafka. */
  skip(slot: number, nextOffset: number): void {
    this.received(slot, nextOffset);
    this.begin(slot, nextOffset)();
  }

  /** Resolves when everything received is settled, or the slot is closed. */
  settledAll(slot: number): Promise<void> {
    const entry = this.#entries.get(slot);
    if (!entry || entry.settled >= entry.received) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    entry.waiters.push(resolve);
    return promise;
  }

  /** @param again also those whose settled offset is committed already */
  due(again = false): { slot: number; nextOffset: number }[] {
    const due = [];
    for (const [slot, { settled, committed }] of this.#entries) {
      if (again || settled > committed) due.push({ slot, nextOffset: settled });
    }
    return due;
  }

  committed(slot: number, nextOffset: number): void {
    const entry = this.#entries.get(slot);
    if (entry) entry.committed = Math.max(entry.committed, nextOffset);
  }
}

function settle(entry: Entry): void {
  while (entry.tickets[0]?.done) {
    entry.settled = Math.max(entry.settled, entry.tickets[0].nextOffset);
    entry.tickets.shift();
  }
  if (entry.settled >= entry.received) for (const resolve of entry.waiters.splice(0)) resolve();
}
