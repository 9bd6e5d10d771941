// A consumer of a durable subscription as its user sees it: deliveries one by one, in batches or to callbacks, none twice
// while the process lives, each until it is acknowledged. How it gets them: durable-link.ts.

import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { NackOptions } from './acknowledgements.ts';
import { DurableLink } from './durable-link.ts';
import {
  type ConsumeOptions,
  checkConsume,
  type Delivery,
  type DeliveryBatch,
  type DurableHandlers,
  type DurableStart,
  type DurableState,
} from './durable-options.ts';
import type { Gap } from './events.ts';
import type { HostedSubscription, SubscriptionHost } from './subscription-host.ts';
import { gapError } from './subscription-reader.ts';

export class DurableSubscription<T> implements AsyncIterable<Delivery<T>> {
  /** Settles when the service has let this consumer in for the first time, or never will. */
  readonly ready: Promise<DurableStart>;
  /** What others see of this consumer; stays through reconnects. */
  readonly consumer: string;
  readonly #options: ConsumeOptions;
  readonly #onGap: (gap: Gap) => void;
  readonly #link: DurableLink<T>;
  readonly #start = Promise.withResolvers<DurableStart>();
  #changed = Promise.withResolvers<void>();

  /** @throws MdsError `MDS_REQUEST_INVALID` */
  constructor(
    host: SubscriptionHost,
    name: string,
    options: ConsumeOptions,
    handlers: Partial<DurableHandlers<T>> = {},
  ) {
    checkConsume(options);
    this.consumer = options.consumer ?? randomName(host.runtime.random);
    this.#options = options;
    this.#onGap = handlers.onGap ?? options.onGap ?? throwGap;
    this.#link = new DurableLink(host, name, this.consumer, options, {
      onStart: ({ subscription, name, topic, filter, shardCount, ackTimeoutMs, maxInFlight }) =>
        this.#start.resolve({ subscription, name, topic, filter, shardCount, ackTimeoutMs, maxInFlight }),
      onChange: () => this.#wake(),
      onEnd: (error) => {
        this.#start.reject(error ?? new MdsError('MDS_CLIENT_CLOSED'));
        this.#wake();
      },
    });
    this.ready = this.#start.promise;
    // Whoever iterates or has an onEnd learns of the same failure there; this alone must not end the process.
    this.ready.catch(() => undefined);
  }

  get state(): DurableState {
    return this.#link.state;
  }

  /** Shards that this consumer has at the moment; one in all unless the subscription has a consumer group. */
  get shards(): readonly number[] {
    return this.#link.shards;
  }

  /** Events that are held or worked on here. */
  get inFlight(): number {
    return this.#link.inFlight;
  }

  /** Acknowledgements that the service has not stored yet. */
  get unconfirmed(): number {
    return this.#link.unconfirmed;
  }

  /**
   * Leaves: what is unacknowledged goes to another consumer, or to this one when it comes back. Acknowledgements go out
   * before, but are not waited for: await their promises for that.
   */
  unsubscribe(): void {
    this.#link.fail(null);
  }

  /** Deliveries one by one. Leaving the loop unsubscribes. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Delivery<T>> {
    return this.#iterator(
      () => this.#link.held.takeOne(),
      (delivery) => delivery.ack(),
    );
  }

  /** Deliveries as they came, many at a time. Leaving the loop unsubscribes. */
  batches(): AsyncIterableIterator<DeliveryBatch<T>> {
    return this.#iterator(
      () => {
        const taken = this.#link.held.takeBatch();
        return taken && batchOf(taken.partition, taken.events);
      },
      (batch) => batch.ack(),
    );
  }

  // ---- called by the client

  get hosted(): HostedSubscription {
    return this.#link;
  }

  /** Hands everything to callbacks instead of an iterator, until the end. */
  async deliverTo({ onEvents, onEnd }: Pick<DurableHandlers<T>, 'onEvents' | 'onEnd'>): Promise<void> {
    let failure: unknown = null;
    try {
      for await (const batch of this.batches()) {
        try {
          await onEvents(batch);
          void batch.ack();
        } catch (error) {
          void batch.nack({ reason: reasonOf(error) });
        }
      }
    } catch (error) {
      failure = error;
      this.unsubscribe();
    }
    onEnd(failure);
  }

  // ---- details

  #iterator<Item>(take: () => Item | undefined, ack: (item: Item) => Promise<void>): AsyncIterableIterator<Item> {
    let last: Item | undefined;
    const iterator: AsyncIterableIterator<Item> = {
      next: async () => {
        if (last !== undefined && this.#options.autoAck) void ack(last);
        const result = await this.#next(take);
        last = result.done ? undefined : result.value;
        return result;
      },
      return: () => {
        this.unsubscribe();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async #next<Item>(take: () => Item | undefined): Promise<IteratorResult<Item>> {
    for (;;) {
      for (let gap = this.#link.held.takeGap(); gap; gap = this.#link.held.takeGap()) this.#onGap(gap);
      const item = take();
      if (item !== undefined) return { done: false, value: item };
      const { end } = this.#link;
      if (end?.error) throw end.error;
      if (end) return { done: true, value: undefined };
      await this.#changed.promise;
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

function batchOf<T>(partition: number, events: readonly Delivery<T>[]): DeliveryBatch<T> {
  const all = async (say: (delivery: Delivery<T>) => Promise<void>): Promise<void> => {
    await Promise.all(events.map(say));
  };
  const handled = (promise: Promise<void>): Promise<void> => {
    promise.catch(() => undefined); // as for each delivery by itself
    return promise;
  };
  return {
    partition,
    events,
    ack: () => handled(all((delivery) => delivery.ack())),
    nack: (options?: NackOptions) => handled(all((delivery) => delivery.nack(options))),
  };
}

const throwGap = (gap: Gap): never => {
  throw gapError(gap);
};

/** 16 characters of 32: two of a million consumers have the same name once in 10^12 subscriptions. */
function randomName(random: () => number): string {
  return Array.from({ length: 16 }, () => Math.floor(random() * 32).toString(32)).join('');
}
