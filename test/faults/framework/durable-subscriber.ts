// A consumer of a durable subscription as its user sees it: every event it is handed is done at once and acknowledged.
// Looks like a LibrarySubscriber to the workload.

import { connect, type Gap, type MdsClient } from '../../../client/library/index.ts';
import type { RestClient } from '../../integration/harness/rest-client.ts';
import { until } from '../../integration/harness/until.ts';
import type { At, ReceivedEvent } from './account.ts';

interface DurableSubscriberOptions {
  readonly urls: readonly string[];
  readonly name: string;
  readonly topic: string;
  readonly filter: string;
}

const RECONNECT = { baseMs: 50, maxMs: 500 } as const;
/** A run may take something from a consumer many times; a dead letter would be a loss here. */
const MAX_ATTEMPTS = 100;
/** Short, so that what was in flight when something died comes again within the run. */
const ACK_TIMEOUT_MS = 5000;
const BACKOFF_MS = 100;
const KNOWN_TIMEOUT_MS = 20_000;

export class DurableSubscriber {
  readonly received: ReceivedEvent[] = [];
  readonly gaps: Gap[] = [];
  /** From the beginning: the subscription was made before the first event. */
  readonly start: ReadonlyMap<number, At> = new Map();
  error: unknown = null;
  reconnects = 0;
  wireDuplicates = 0;
  redelivered = 0;
  readonly #options: DurableSubscriberOptions;
  #client: MdsClient | null = null;
  #subscription: ReturnType<MdsClient['consume']> | null = null;

  constructor(options: DurableSubscriberOptions) {
    this.#options = options;
  }

  static async create(api: RestClient, options: DurableSubscriberOptions): Promise<DurableSubscriber> {
    const { name, topic, filter } = options;
    await api.post('/v1/subscriptions', {
      name,
      topic,
      filter,
      start: 'earliest',
      ackTimeoutMs: ACK_TIMEOUT_MS,
      backoffBaseMs: BACKOFF_MS,
      backoffMaxMs: BACKOFF_MS * 10,
      maxAttempts: MAX_ATTEMPTS,
    });
    return new DurableSubscriber(options);
  }

  get state(): string {
    return `${this.#client?.state.state} ${this.#subscription?.state}`;
  }

  /** Acknowledgements that the service has not stored yet. */
  get unconfirmed(): number {
    return this.#subscription?.unconfirmed ?? 0;
  }

  /** A subscription that was just made may not have come to the edges of a busy machine yet. */
  async open(): Promise<void> {
    await until(`the edges to know ${this.#options.name}`, KNOWN_TIMEOUT_MS, async () => {
      this.close();
      this.error = null;
      await this.#open();
      return true;
    });
  }

  close(): void {
    this.#client?.close();
  }

  async #open(): Promise<void> {
    this.#client = connect({
      urls: this.#options.urls,
      reconnect: RECONNECT,
      onStateChange: ({ state }) => {
        if (state === 'waiting') this.reconnects += 1;
      },
    });
    this.#subscription = this.#client.consume(
      { subscription: this.#options.name, consumer: `${this.#options.name}-consumer` },
      {
        onEvents: ({ events }) => {
          for (const { cursor, data, attempt } of events) {
            if (attempt > 1) this.redelivered += 1;
            this.received.push({ ...cursor, data, attempt });
          }
        },
        onGap: (gap) => this.gaps.push(gap),
        onEnd: (error) => {
          this.error = error;
        },
      },
    );
    await this.#subscription.ready;
  }
}
