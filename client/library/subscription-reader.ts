// From the delivery queue to the user: events or batches in order, each gap and shed range told in its place, values decoded.

import { MdsError } from '../../schemas/errors.ts';
import type { DeliveryQueue } from './delivery-queue.ts';
import { mdsErrorOf } from './error-frame.ts';
import type { EventDecoder } from './event-decoder.ts';
import type { EventBatch, Gap, ReceivedEvent, Shed } from './events.ts';

/** What a reader needs from its subscription. */
export interface ReaderSource<T> {
  /** Null until the start is known. */
  queue(): DeliveryQueue<T> | null;
  /** Null while more may come. */
  end(): { readonly error: MdsError | null } | null;
  /** Something may have been taken out of the queue. */
  onTaken(): void;
  onGap(gap: Gap): void;
  onShed(shed: Shed): void;
  /** The user left the loop (null), or nobody can ever read what comes next. */
  stop(error: MdsError | null): void;
}

export class SubscriptionReader<T> {
  readonly #source: ReaderSource<T>;
  readonly #decoder: EventDecoder<T>;
  #changed = Promise.withResolvers<void>();

  constructor(source: ReaderSource<T>, decoder: EventDecoder<T>) {
    this.#source = source;
    this.#decoder = decoder;
  }

  /** Something was received, or the end has come. */
  wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  events(): AsyncIterableIterator<ReceivedEvent<T>> {
    return this.#iterator((queue) => {
      const event = queue.takeEvent();
      return event && this.#decoder.event(event);
    });
  }

  batches(): AsyncIterableIterator<EventBatch<T>> {
    return this.#iterator((queue) => {
      const batch = queue.takeBatch();
      return batch && this.#decoder.batch(batch);
    });
  }

  /** What has come by now, up to about `limit` events of any partitions: for readers to whom each hand-out costs much. */
  groups(limit: number): AsyncIterableIterator<readonly ReceivedEvent<T>[]> {
    return this.#iterator((queue) => {
      const events: ReceivedEvent<T>[] = [];
      while (events.length < limit) {
        const next = queue.peekBatch();
        if (!next || !this.#decoder.isReadyFor(next)) break;
        const batch = queue.takeBatch();
        if (batch) events.push(...this.#decoder.batch(batch).events);
      }
      return events.length > 0 ? events : undefined;
    });
  }

  #iterator<Item>(take: (queue: DeliveryQueue<T>) => Item | undefined): AsyncIterableIterator<Item> {
    const iterator: AsyncIterableIterator<Item> = {
      next: () => this.#next(take),
      return: () => {
        this.#source.stop(null);
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async #next<Item>(take: (queue: DeliveryQueue<T>) => Item | undefined): Promise<IteratorResult<Item>> {
    const source = this.#source;
    for (;;) {
      const queue = source.queue();
      if (queue) {
        this.#tellNotices(queue);
        if (!(await this.#canDecode(queue))) continue;
      }
      const item = queue ? take(queue) : undefined;
      source.onTaken();
      if (item !== undefined) return { done: false, value: item };
      if (queue === null || queue.size === 0) {
        const end = source.end();
        if (end?.error) throw end.error;
        if (end) return { done: true, value: undefined };
        await this.#changed.promise;
      }
    }
  }

  #tellNotices(queue: DeliveryQueue<T>): void {
    for (let notice = queue.takeNotice(); notice; notice = queue.takeNotice()) {
      if (notice.kind === 'gap') this.#source.onGap(notice.gap);
      else this.#source.onShed(notice.shed);
    }
  }

  async #canDecode(queue: DeliveryQueue<T>): Promise<boolean> {
    try {
      return await this.#decoder.canDecode(queue.peekBatch());
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      queue.clear(); // the token does not cover what nobody can read
      this.#source.stop(error);
      return false;
    }
  }
}

/** A gap that nobody wants to be told of, as what iterating throws. */
export const gapError = (gap: Gap): MdsError => mdsErrorOf(gap.code, gap.message, { gap });
