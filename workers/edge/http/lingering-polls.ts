// Subscriptions of pollers between two polls, found by who asks for what, and by the token that the last answer gave. Bounded
// in number and time: whoever is not found here is read from Kafka behind its token.

import type { PollSession } from './poll-session.ts';

interface Lingering {
  readonly key: string;
  readonly sinceMs: number;
}

export class LingeringPolls {
  readonly #maxCount: number;
  readonly #lingerMs: number;
  /** In the order in which they came. */
  readonly #sessions = new Map<PollSession, Lingering>();
  /** Several pollers may be at the same place. */
  readonly #byKey = new Map<string, PollSession[]>();

  constructor(maxCount: number, lingerMs: number) {
    this.#maxCount = maxCount;
    this.#lingerMs = lingerMs;
  }

  get count(): number {
    return this.#sessions.size;
  }

  keep(session: PollSession, key: string, nowMs: number): void {
    if (this.#maxCount === 0 || this.#lingerMs === 0) {
      session.end();
      return;
    }
    if (this.#sessions.size >= this.#maxCount) this.#endOldest();
    this.#sessions.set(session, { key, sinceMs: nowMs });
    const equal = this.#byKey.get(key);
    if (equal) equal.push(session);
    else this.#byKey.set(key, [session]);
  }

  /** @returns one that can go on where the token says; null: there is none */
  take(key: string): PollSession | null {
    for (const session of this.#byKey.get(key) ?? []) {
      this.#forget(session);
      if (!session.isOver) return session;
    }
    return null;
  }

  /** Ends those that nobody came back for. */
  tick(nowMs: number): void {
    for (const [session, { sinceMs }] of this.#sessions) {
      if (session.isOver) this.#forget(session);
      else if (nowMs - sinceMs >= this.#lingerMs) this.#end(session);
    }
  }

  endAll(): void {
    for (const session of [...this.#sessions.keys()]) this.#end(session);
  }

  #endOldest(): void {
    for (const session of this.#sessions.keys()) {
      this.#end(session);
      return;
    }
  }

  #end(session: PollSession): void {
    this.#forget(session);
    session.end();
  }

  #forget(session: PollSession): void {
    const key = this.#sessions.get(session)?.key;
    this.#sessions.delete(session);
    if (key === undefined) return;
    const others = (this.#byKey.get(key) ?? []).filter((other) => other !== session);
    if (others.length > 0) this.#byKey.set(key, others);
    else this.#byKey.delete(key);
  }
}
