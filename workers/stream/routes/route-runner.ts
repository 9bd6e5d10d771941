// One route in one worker: reads its share of the topic, and commits what matches together with how far it has read.
//
//   consume ─▶ match ─▶ begin · produce · offsets · commit ─▶ consume …
//
// Nothing is kept that Kafka does not have. Whatever fails, the transaction is given up, both connections are thrown away,
// and everything begins anew at the committed offsets: so a kill at any point neither loses nor doubles an event for a
// reader of committed records.

import type { GroupConsumer, KafkaMessage, TransactionalProducer } from '../../../platform/kafka.ts';
import type { Logger } from '../../../platform/log.ts';
import { backoffMs } from '../../../platform/retry.ts';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import type { RouteDefinition, RouteStatus } from '../../../schemas/route.ts';
import type { RoutedEvent, RouteMatcher } from './route-matcher.ts';

const RETRY = { baseMs: 200, maxMs: 10_000 } as const;
/** Records of one transaction: at 500 its fixed cost (about 10 ms) is paid a few dozen times a second at most. */
const POLL_RECORDS = 500;

export interface RouteRunnerOptions {
  readonly definition: RouteDefinition;
  readonly connect: () => Promise<{ readonly consumer: GroupConsumer; readonly producer: TransactionalProducer }>;
  readonly matcher: RouteMatcher;
  /** Registry id, under the target's subject, of the schema of one event that was written with this schema. */
  readonly targetSchemaId: (writerSchemaId: number) => Promise<number>;
  readonly log: Logger;
  readonly onForwarded: (records: number, events: number) => void;
  readonly onFailed: () => void;
}

type Progress = Omit<RouteStatus, 'workerId' | 'atMs'>;

export class RouteRunner {
  readonly #options: RouteRunnerOptions;
  readonly #stopping = new AbortController();
  readonly #owned = new Set<number>();
  #running: Promise<void> = Promise.resolve();
  #error: string | null = null;
  #readRecords = 0;
  #forwardedEvents = 0;

  constructor(options: RouteRunnerOptions) {
    this.#options = options;
  }

  get progress(): Progress {
    const partitions = [...this.#owned].sort((a, b) => a - b);
    const { readRecords, forwardedEvents } = { readRecords: this.#readRecords, forwardedEvents: this.#forwardedEvents };
    return {
      state: this.#error === null ? 'running' : 'failing',
      error: this.#error,
      partitions,
      readRecords,
      forwardedEvents,
    };
  }

  /** @param onBug the runner itself broke */
  start(onBug: (error: unknown) => void): void {
    this.#running = this.#runUntilStopped();
    this.#running.catch(onBug);
  }

  /** Resolves when the present transaction is done and the connections are closed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #runUntilStopped(): Promise<void> {
    const { definition, log, onFailed } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#runOnce(() => {
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        const reason = reasonOf(error);
        if (reason !== this.#error) log.warn({ route: definition.name, reason }, 'a route failed and begins anew');
        this.#error = reason;
        onFailed();
        await pause(backoffMs(failures++, RETRY), signal);
      }
    }
  }

  async #runOnce(onProgress: () => void): Promise<void> {
    const { connect, matcher } = this.#options;
    const { consumer, producer } = await connect();
    try {
      while (!this.#stopping.signal.aborted) {
        await this.#rebalance(consumer);
        const messages = await consumer.consume(POLL_RECORDS);
        if (messages.length === 0) {
          this.#error = null;
          continue;
        }
        await this.#forward(consumer, producer, messages);
        this.#error = null;
        onProgress();
      }
    } finally {
      this.#owned.clear();
      await matcher.closeAll();
      await producer.close();
      await consumer.close();
    }
  }

  /** Between two transactions: what is revoked is committed already, what is assigned begins where it was committed. */
  async #rebalance(consumer: GroupConsumer): Promise<void> {
    const { definition, matcher } = this.#options;
    for (let change = consumer.takeRebalance(); change !== null; change = consumer.takeRebalance()) {
      await matcher.closeAll();
      this.#owned.clear();
      if (change.kind === 'revoked') {
        consumer.unassign();
        continue;
      }
      const starts = new Map(definition.start);
      const offsets = [];
      for (const { topic, partition, offset } of await consumer.committed(change.partitions)) {
        const next = offset ?? starts.get(partition) ?? 0;
        await matcher.open(definition.topicId, partition, next);
        this.#owned.add(partition);
        offsets.push({ topic, partition, offset: next });
      }
      consumer.assign(offsets);
    }
  }

  async #forward(
    consumer: GroupConsumer,
    producer: TransactionalProducer,
    messages: readonly KafkaMessage[],
  ): Promise<void> {
    const events = await this.#options.matcher.match(messages);
    const keys = new Map(messages.map(({ partition, offset, key }) => [`${partition}/${offset}`, key ?? null]));
    await producer.begin();
    for (const event of events) {
      await this.#produce(producer, event, keys.get(`${event.partition}/${event.offset}`) ?? null);
    }
    await producer.sendOffsets(consumer, nextOffsets(messages));
    await producer.commit();
    this.#readRecords += messages.length;
    this.#forwardedEvents += events.length;
    this.#options.onForwarded(messages.length, events.length);
  }

  async #produce(
    producer: TransactionalProducer,
    { schemaId, datum }: RoutedEvent,
    key: Buffer | string | null,
  ): Promise<void> {
    const { definition, targetSchemaId } = this.#options;
    const value = encodeConfluent(await targetSchemaId(schemaId), datum);
    await producer.produce(definition.targetKafkaTopic, null, value, key);
  }
}

function nextOffsets(messages: readonly KafkaMessage[]): { topic: string; partition: number; offset: number }[] {
  const last = new Map<number, KafkaMessage>();
  for (const message of messages) last.set(message.partition, message);
  return [...last.values()].map(({ topic, partition, offset }) => ({ topic, partition, offset: offset + 1 }));
}

/** Ends early when it is stopped. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
