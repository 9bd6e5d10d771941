// Exactly once for effects: batch by batch, the caller commits what it did with the events and the position behind them
// together. The next batch waits for the commit of the last one; after a failure the same batch comes again.
//
//   load ─▶ token ─▶ │ batch, position │ ─▶ onBatch: one transaction ─▶ │ next batch … │
//     ▲                                       └─ rejected: the same batch again
//     └──────────── the process dies anywhere: the effect and the position are both there, or neither

import { MdsError } from '../../schemas/errors.ts';
import { type Backoff, backoffMs } from './backoff.ts';
import type { ReceivedEvent } from './events.ts';
import type { Runtime } from './runtime.ts';

export interface Store<T> {
  /** The position of the last commit; null: there was none, and the subscription begins now. */
  load(): Promise<string | null>;
  /**
   * Commits what the events do and `position` in one transaction, which must fail unless the stored position is the one
   * that was loaded or committed last: an older instance that still runs must not commit over a newer one.
   *
   * A commit of which the answer was lost is tried again, so it must succeed when `position` is stored already.
   * Events may be empty: to keep where it began, and now and then to keep the position young.
   *
   * Rejecting with an MdsError that is not retryable (`MDS_POSITION_CONFLICT`) ends the subscription, as does failing ten
   * times in a row; otherwise the same batch comes again after a growing wait.
   */
  onBatch(events: readonly ReceivedEvent<T>[], position: string): Promise<void>;
}

/** With waits of half a second to 15 s: two minutes at the most, in which a database has restarted. */
const MAX_ATTEMPTS = 10;
/** 1,000 events: a commit costs some milliseconds however many there are, and a batch is held twice in memory. */
const BATCH_EVENTS = 1000;
/** 30 s: far below any retention, so that a quiet subscription's token never expires; one commit in that time is nothing. */
const IDLE_COMMIT_MS = 30_000;

/** What committing needs from its subscription. */
export interface StoredSubscription<T> {
  readonly runtime: Runtime;
  readonly backoff: Backoff;
  /** @returns false when the subscription was ended before it began */
  readonly begin: (resume: string | undefined) => Promise<boolean>;
  readonly groups: (limit: number) => AsyncIterator<readonly ReceivedEvent<T>[]>;
  /** Of what was handed out; null before the start is known. */
  readonly token: () => string | null;
  readonly isEnded: () => boolean;
}

/** Until the subscription ends. @throws what the last attempt of a commit threw, or what ended the subscription */
export async function commitTo<T>(store: Store<T>, subscription: StoredSubscription<T>): Promise<void> {
  const committing = new Committing(store, subscription);
  const resume = await committing.load();
  if (await subscription.begin(resume ?? undefined)) await committing.run();
}

class Committing<T> {
  readonly #store: Store<T>;
  readonly #subscription: StoredSubscription<T>;
  #committed: string | null = null;

  constructor(store: Store<T>, subscription: StoredSubscription<T>) {
    this.#store = store;
    this.#subscription = subscription;
  }

  async load(): Promise<string | null> {
    this.#committed = await this.#tryRepeatedly(() => this.#store.load());
    return this.#committed;
  }

  async run(): Promise<void> {
    const { groups, token } = this.#subscription;
    const iterator = groups(BATCH_EVENTS);
    if (this.#committed === null) await this.#commit([], token());
    let next = iterator.next();
    for (;;) {
      const result = await this.#nextOrIdle(next);
      if ('idleAt' in result) {
        if (result.idleAt !== this.#committed) await this.#commit([], result.idleAt);
        continue;
      }
      if (result.done) return;
      await this.#commit(result.value, token());
      next = iterator.next();
    }
  }

  async #commit(events: readonly ReceivedEvent<T>[], position: string | null): Promise<void> {
    if (position === null) throw new RangeError('a batch was to be committed before its position was known');
    await this.#tryRepeatedly(() => this.#store.onBatch(events, position));
    this.#committed = position;
  }

  async #tryRepeatedly<Result>(attempt: () => Promise<Result>): Promise<Result> {
    const { runtime, backoff, isEnded } = this.#subscription;
    for (let failures = 0; ; failures++) {
      try {
        return await attempt();
      } catch (error) {
        const isFinal = error instanceof MdsError && !error.retryable;
        if (isFinal || failures + 1 >= MAX_ATTEMPTS || isEnded()) throw error;
        const { promise, resolve } = Promise.withResolvers<void>();
        runtime.clock.after(backoffMs(failures, backoff, runtime.random), resolve);
        await promise;
        if (isEnded()) throw error;
      }
    }
  }

  /** The token is taken when the time is up: a moment later it may cover a batch that was taken and not committed yet. */
  async #nextOrIdle<Item extends object>(next: Promise<Item>): Promise<Item | { readonly idleAt: string | null }> {
    const { runtime, token } = this.#subscription;
    const { promise, resolve } = Promise.withResolvers<{ readonly idleAt: string | null }>();
    const cancel = runtime.clock.after(IDLE_COMMIT_MS, () => resolve({ idleAt: token() }));
    try {
      return await Promise.race([next, promise]);
    } finally {
      cancel();
    }
  }
}
