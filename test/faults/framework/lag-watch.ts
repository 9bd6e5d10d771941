// How far behind a partition gets while things come and go, from outside: since when the oldest event that Kafka has
// acknowledged and nobody was handed yet is waiting. Events come in order, so a later one stands for all before it.

import type { TopicLoad, Watcher } from './watcher.ts';

const LOOK_INTERVAL_MS = 50;

export class LagWatch {
  readonly #topics: readonly TopicLag[];
  readonly #timer: NodeJS.Timeout;
  #worstMs = 0;

  constructor(loads: readonly TopicLoad[], watchers: readonly Watcher[]) {
    const watchersOf = (load: TopicLoad) => watchers.filter((watcher) => watcher.load === load);
    this.#topics = loads.map((load) => new TopicLag(load, watchersOf(load)));
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      for (const topic of this.#topics) this.#worstMs = Math.max(this.#worstMs, topic.lagMs(nowMs));
    }, LOOK_INTERVAL_MS);
  }

  /** The most that any partition was behind, ms; what is under way on a quiet service is in it too. */
  end(): number {
    clearInterval(this.#timer);
    return this.#worstMs;
  }
}

interface Waiting {
  readonly offset: number;
  readonly sinceMs: number;
}

/** What is looked at of a topic and of those who are handed its events. */
interface LaggingTopic {
  readonly topic: { readonly partitions: number };
  readonly producer: { readonly produced: readonly { readonly partition: number; readonly offset: number }[] };
}
interface Receiver {
  readonly subscriber: { readonly received: readonly { readonly partition: number; readonly offset: number }[] };
}

export class TopicLag {
  readonly #load: LaggingTopic;
  readonly #watchers: readonly Receiver[];
  /** By partition, oldest first. */
  readonly #waiting: Waiting[][];
  readonly #taken: number[];
  #produced: number;

  constructor(load: LaggingTopic, watchers: readonly Receiver[]) {
    this.#load = load;
    this.#watchers = watchers;
    this.#waiting = Array.from({ length: load.topic.partitions }, () => []);
    this.#taken = watchers.map(({ subscriber }) => subscriber.received.length);
    this.#produced = load.producer.produced.length;
  }

  /** @returns since when the partition that is furthest behind is behind */
  lagMs(nowMs: number): number {
    const { produced } = this.#load.producer;
    for (; this.#produced < produced.length; this.#produced++) {
      const event = produced[this.#produced];
      if (event === undefined || event.offset < 0) continue; // the producer was not told where it stands
      this.#waiting[event.partition]?.push({ offset: event.offset, sinceMs: nowMs });
    }
    for (const [at, { subscriber }] of this.#watchers.entries()) {
      for (const { partition, offset } of subscriber.received.slice(this.#taken[at])) {
        const waiting = this.#waiting[partition];
        while (waiting?.[0] !== undefined && waiting[0].offset <= offset) waiting.shift();
      }
      this.#taken[at] = subscriber.received.length;
    }
    return Math.max(0, ...this.#waiting.map(([oldest]) => (oldest === undefined ? 0 : nowMs - oldest.sinceMs)));
  }
}
