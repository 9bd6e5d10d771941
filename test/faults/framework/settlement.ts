// The end of a run: the truth is read from Kafka, each subscriber's account is settled against it, and summed up.

import type { Measurement } from '../../integration/harness/measurement.ts';
import type { ProducedEvent } from '../../integration/harness/producer.ts';
import { until } from '../../integration/harness/until.ts';
import { Account, type Counts, sumOfCounts } from './account.ts';
import type { DurableSubscriber } from './durable-subscriber.ts';
import { readKafkaLog } from './kafka-log.ts';
import type { TopicLoad, Watcher } from './watcher.ts';

const SHOWN_EXAMPLES = 5;

export interface Settlement {
  readonly produced: number;
  readonly ephemeral: Counts;
  readonly durable: Counts | null;
  /** Deliveries that were not the first of their event. */
  readonly redelivered: number;
  readonly reconnects: number;
  readonly gaps: number;
  readonly problems: readonly string[];
}

/** Waits until nobody misses anything that it was not told of and all acknowledgements are stored, or the deadline. */
export async function settleAccounts(
  loads: readonly TopicLoad[],
  ephemeral: readonly Watcher[],
  durable: readonly Watcher<DurableSubscriber>[],
  brokers: string,
  timeoutMs: number,
): Promise<Settlement> {
  const watchers = [...ephemeral, ...durable];
  const truths = new Map(await Promise.all(loads.map(async (load) => [load, await truthOf(load, brokers)] as const)));
  const accounts = watchers.map((watcher) => {
    const { load, filter, subscriber } = watcher;
    const idPrefix = `m${load.eventSeed}-`;
    const truth = truths.get(load) ?? [];
    return { watcher, account: new Account({ truth, matches: filter.matches, after: subscriber.start, idPrefix }) };
  });
  const missing = (): number => {
    let count = 0;
    for (const { account, watcher } of accounts) {
      account.take(watcher.subscriber.received);
      count += account.missing(watcher.subscriber.gaps);
    }
    return count;
  };
  await until('nothing to be missing', timeoutMs, () => missing() === 0).catch(() => undefined); // the accounts tell
  await until('all acknowledgements to be stored', timeoutMs, () => unconfirmed(durable) === 0).catch(() => undefined);
  missing(); // takes what came last
  const countsOf = (some: readonly Watcher[]): Counts =>
    sumOfCounts(
      accounts
        .filter(({ watcher }) => some.includes(watcher))
        .map(({ account, watcher }) => account.counts(watcher.subscriber.gaps)),
    );
  return {
    produced: [...truths.values()].reduce((sum, truth) => sum + truth.length, 0),
    ephemeral: countsOf(ephemeral),
    durable: durable.length === 0 ? null : countsOf(durable),
    redelivered: durable.reduce((sum, { subscriber }) => sum + subscriber.redelivered, 0),
    reconnects: watchers.reduce((sum, { subscriber }) => sum + subscriber.reconnects, 0),
    gaps: watchers.reduce((sum, { subscriber }) => sum + subscriber.gaps.length, 0),
    problems: [
      ...accounts.flatMap(({ account, watcher }) => problemsOf(account, watcher)),
      ...(unconfirmed(durable) === 0 ? [] : ['acknowledgements were not stored']),
    ],
  };
}

/** What stands in Kafka, and what stood there by its own word and was deleted since. */
async function truthOf(
  { topic, producer }: TopicLoad,
  brokers: string,
): Promise<readonly ProducedEvent<Measurement>[]> {
  const log = await readKafkaLog(brokers, topic);
  const known = new Set(log.events.map(({ partition, offset, index }) => `${partition}/${offset}/${index}`));
  // Where a record stands that a broker had already when it was sent again, the producer is not told (offset -1001): it
  // stands in the log all the same, which says where.
  const gone = producer.produced.filter(
    ({ partition, offset, index }) => offset >= 0 && !known.has(`${partition}/${offset}/${index}`),
  );
  const forgotten = gone.filter(({ partition, offset }) => offset >= (log.low[partition] ?? 0));
  if (forgotten.length > 0) throw new Error(`Kafka itself has lost ${forgotten.length} acknowledged events`);
  return [...gone, ...log.events];
}

function problemsOf(account: Account, { name, subscriber }: Watcher): readonly string[] {
  const problems: string[] = [];
  if (subscriber.error !== null) problems.push(`${name} was ended: ${String(subscriber.error)}`);
  const { silentlyLost, duplicate, unexpected, outOfOrder, foreign } = account.counts(subscriber.gaps);
  if (silentlyLost + duplicate + unexpected + outOfOrder + foreign === 0) return problems;
  const examples = account.examples(subscriber.gaps, SHOWN_EXAMPLES).join(', ');
  problems.push(`${name}: ${JSON.stringify(account.counts(subscriber.gaps))} e.g. ${examples}`);
  return problems;
}

const unconfirmed = (durable: readonly Watcher<DurableSubscriber>[]): number =>
  durable.reduce((sum, { subscriber }) => sum + subscriber.unconfirmed, 0);
