// The account of one subscriber in a run: every event that stands in Kafka behind its start and that the model says is
// its, against what it was handed and what it was told it would not get. Settled bit by bit while events come in.

import type { ReceivedEvent as HarnessEvent } from '../../integration/harness/ledger.ts';
import type { Measurement } from '../../integration/harness/measurement.ts';
import type { ProducedEvent } from '../../integration/harness/producer.ts';

export interface At {
  readonly offset: number;
  readonly index: number;
}

export interface ReceivedEvent extends HarnessEvent {
  /** Of a durable subscription: a further attempt comes when it comes, behind later events too. */
  readonly attempt?: number;
}

/** A range (from, to] of which the subscriber was told that it does not get all of it. */
export interface ToldRange {
  readonly partition: number;
  readonly from: At;
  readonly to: At;
}

export interface Counts {
  readonly expected: number;
  readonly received: number;
  /** Of what was expected, never came. */
  readonly lost: number;
  /** Of these, without a word. */
  readonly silentlyLost: number;
  readonly duplicate: number;
  /** Does not match, lies before the start, or has other content than was produced. */
  readonly unexpected: number;
  readonly outOfOrder: number;
  /** Events of another topic than the subscription's. */
  readonly foreign: number;
}

export const NO_COUNTS: Counts = {
  expected: 0,
  received: 0,
  lost: 0,
  silentlyLost: 0,
  duplicate: 0,
  unexpected: 0,
  outOfOrder: 0,
  foreign: 0,
};

export function sumOfCounts(all: readonly Counts[]): Counts {
  const sum = { ...NO_COUNTS } as { -readonly [Name in keyof Counts]: number };
  for (const counts of all) for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += counts[name];
  return sum;
}

interface AccountOptions {
  readonly truth: readonly ProducedEvent<Measurement>[];
  readonly matches: (event: Measurement) => boolean;
  /** Exclusive, per partition; absent: from the beginning. */
  readonly after?: ReadonlyMap<number, At>;
  /** What every id of the subscription's own topic begins with. */
  readonly idPrefix: string;
}

export class Account {
  readonly #idPrefix: string;
  readonly #expected = new Map<string, Measurement>();
  readonly #missing = new Map<string, ProducedEvent<Measurement>>();
  readonly #seen = new Set<string>();
  readonly #last = new Map<number, At>();
  #taken = 0;
  #duplicate = 0;
  #unexpected = 0;
  #outOfOrder = 0;
  #foreign = 0;

  constructor({ truth, matches, after, idPrefix }: AccountOptions) {
    this.#idPrefix = idPrefix;
    for (const one of truth) {
      if (!isBehind(one, after?.get(one.partition)) || !matches(one.event)) continue;
      this.#expected.set(keyOf(one), one.event);
      this.#missing.set(keyOf(one), one);
    }
  }

  /** @param received all so far; what was taken before is not looked at again */
  take(received: readonly ReceivedEvent[]): void {
    for (; this.#taken < received.length; this.#taken++) {
      const one = received[this.#taken];
      if (one !== undefined) this.#takeOne(one);
    }
  }

  /** How many are missing that the subscriber was not told of. */
  missing(told: readonly ToldRange[]): number {
    if (told.length === 0) return this.#missing.size;
    let count = 0;
    for (const one of this.#missing.values()) if (!isTold(one, told)) count += 1;
    return count;
  }

  /** Some of what is silently missing, for a report. */
  examples(told: readonly ToldRange[], count: number): readonly string[] {
    const silent = [...this.#missing.values()].filter((one) => !isTold(one, told));
    return silent.slice(0, count).map((one) => `${keyOf(one)} ${one.event.id}`);
  }

  counts(told: readonly ToldRange[]): Counts {
    return {
      expected: this.#expected.size,
      received: this.#taken,
      lost: this.#missing.size,
      silentlyLost: this.missing(told),
      duplicate: this.#duplicate,
      unexpected: this.#unexpected,
      outOfOrder: this.#outOfOrder,
      foreign: this.#foreign,
    };
  }

  #takeOne(one: ReceivedEvent): void {
    const key = keyOf(one);
    const { id, sequence } = one.data as Partial<Measurement>; // whatever it is, it is compared
    const event = this.#expected.get(key);
    const isRepeated = this.#seen.has(key);
    if (typeof id === 'string' && !id.startsWith(this.#idPrefix)) this.#foreign += 1;
    else if (isRepeated) this.#duplicate += 1;
    else if (event === undefined || event.id !== id || event.sequence !== sequence) this.#unexpected += 1;
    this.#seen.add(key);
    this.#missing.delete(key);
    if ((one.attempt ?? 1) > 1) return;
    const previous = this.#last.get(one.partition);
    if (!isRepeated && !isBehind(one, previous)) this.#outOfOrder += 1;
    if (isBehind(one, previous)) this.#last.set(one.partition, one);
  }
}

const keyOf = ({ partition, offset, index }: At & { readonly partition: number }): string =>
  `${partition}/${offset}/${index}`;

const isBehind = (one: At, other: At | undefined): boolean =>
  other === undefined || one.offset > other.offset || (one.offset === other.offset && one.index > other.index);

const isTold = (one: At & { readonly partition: number }, told: readonly ToldRange[]): boolean =>
  told.some(({ partition, from, to }) => partition === one.partition && isBehind(one, from) && !isBehind(one, to));
