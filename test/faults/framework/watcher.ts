// A subscriber of a run together with what it should get: the topic's events that a filter's model lets through.

import type { Measurement, ModelledFilter } from '../../integration/harness/measurement.ts';
import type { Flow } from '../../integration/harness/pace.ts';
import type { TestProducer } from '../../integration/harness/producer.ts';
import type { TopicInfo } from '../../integration/harness/rest-client.ts';
import type { At, ReceivedEvent, ToldRange } from './account.ts';

const PROGRESS_EVENTS = 20;

/** What both kinds of subscribers have. */
export interface WatchedSubscriber {
  readonly received: readonly ReceivedEvent[];
  readonly gaps: readonly ToldRange[];
  readonly start: ReadonlyMap<number, At>;
  readonly state: string;
  readonly error: unknown;
  readonly reconnects: number;
  readonly wireDuplicates: number;
  close(): void;
}

export interface TopicLoad {
  readonly topic: TopicInfo;
  readonly eventSeed: number;
  readonly producer: TestProducer<Measurement>;
  readonly flow: Flow;
}

export interface Watcher<Subscriber extends WatchedSubscriber = WatchedSubscriber> {
  readonly subscriber: Subscriber;
  readonly filter: ModelledFilter;
  readonly load: TopicLoad;
  readonly name: string;
}

/** What one subscriber has got since this was made. */
export class Progress {
  readonly #watcher: Watcher;
  readonly #needsAll: boolean;
  readonly #first: number;
  readonly #partitions = new Set<number>();
  #looked: number;

  constructor(watcher: Watcher, needsAll: boolean) {
    this.#watcher = watcher;
    this.#needsAll = needsAll;
    this.#first = watcher.subscriber.received.length;
    this.#looked = this.#first;
  }

  isMade(): boolean {
    const { subscriber, load } = this.#watcher;
    for (; this.#looked < subscriber.received.length; this.#looked++) {
      this.#partitions.add(subscriber.received[this.#looked]?.partition ?? 0);
    }
    const count = this.#looked - this.#first;
    if (!this.#needsAll) return count > 0;
    return count >= PROGRESS_EVENTS && this.#partitions.size === load.topic.partitions;
  }

  get text(): string {
    const { name, subscriber } = this.#watcher;
    const partitions = [...this.#partitions].join(' ');
    return `${name}: ${this.#looked - this.#first} of partitions ${partitions}; ${subscriber.state} ${String(subscriber.error ?? '')}`;
  }
}
