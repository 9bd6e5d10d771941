// The account of a run: what was produced and should have arrived at one subscriber, against what did. Knows nothing of
// the product: expectations come from plain predicates, cursors from Kafka's own acknowledgements.

import type { ProducedEvent } from './producer.ts';

export interface ReceivedEvent {
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
  readonly data: unknown;
}

export interface Ledger {
  readonly produced: number;
  readonly expected: number;
  readonly received: number;
  readonly lost: number;
  readonly duplicate: number;
  /** Arrived although the model says it does not match, was before the start, or was never produced. */
  readonly unexpected: number;
  /** Arrived behind a later one of the same partition. */
  readonly outOfOrder: number;
  /** Arrived with other content than the model's. */
  readonly altered: number;
}

export interface Account<E> {
  readonly produced: readonly ProducedEvent<E>[];
  /** The model's own idea of the filter. */
  readonly matches: (event: E) => boolean;
  readonly received: readonly ReceivedEvent[];
  /** Exclusive start per partition, as the subscription's reply said; absent: everything counts. */
  readonly after?: ReadonlyMap<number, { readonly offset: number; readonly index: number }>;
  /** What the subscriber should see of the event; absent: the content is not compared. */
  readonly view?: (event: E) => unknown;
}

const CLEAN = { lost: 0, duplicate: 0, unexpected: 0, outOfOrder: 0, altered: 0 } as const;

export function settle<E>({ produced, matches, received, after, view }: Account<E>): Ledger {
  const expected = new Map<string, E>();
  for (const one of produced) {
    if (isAfter(one, after?.get(one.partition)) && matches(one.event)) expected.set(cursorKey(one), one.event);
  }
  const seen = new Set<string>();
  const last = new Map<number, ReceivedEvent>();
  const counts = { ...CLEAN } as { -readonly [Key in keyof typeof CLEAN]: number };
  for (const one of received) {
    const key = cursorKey(one);
    const event = expected.get(key);
    if (seen.has(key)) counts.duplicate += 1;
    else if (event === undefined) counts.unexpected += 1;
    else if (view && !sameJson(one.data, view(event))) counts.altered += 1;
    const previous = last.get(one.partition);
    if (previous && !isAfter(one, previous) && !seen.has(key)) counts.outOfOrder += 1;
    if (!previous || isAfter(one, previous)) last.set(one.partition, one);
    seen.add(key);
  }
  for (const key of expected.keys()) if (!seen.has(key)) counts.lost += 1;
  return { produced: produced.length, expected: expected.size, received: received.length, ...counts };
}

export function sumOf(ledgers: readonly Ledger[]): Ledger {
  const sum = (pick: (ledger: Ledger) => number): number => ledgers.reduce((total, ledger) => total + pick(ledger), 0);
  return {
    produced: Math.max(0, ...ledgers.map(({ produced }) => produced)),
    expected: sum((ledger) => ledger.expected),
    received: sum((ledger) => ledger.received),
    lost: sum((ledger) => ledger.lost),
    duplicate: sum((ledger) => ledger.duplicate),
    unexpected: sum((ledger) => ledger.unexpected),
    outOfOrder: sum((ledger) => ledger.outOfOrder),
    altered: sum((ledger) => ledger.altered),
  };
}

/** The part that must be all zeros. */
export const faultsOf = ({ lost, duplicate, unexpected, outOfOrder, altered }: Ledger): typeof CLEAN | object => ({
  lost,
  duplicate,
  unexpected,
  outOfOrder,
  altered,
});

export const NO_FAULTS = CLEAN;

export const ledgerText = (ledger: Ledger): string =>
  Object.entries(ledger)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

interface At {
  readonly offset: number;
  readonly index: number;
}

const cursorKey = (one: At & { readonly partition: number }): string => `${one.partition}/${one.offset}/${one.index}`;

const isAfter = (one: At, other: At | undefined): boolean =>
  other === undefined || one.offset > other.offset || (one.offset === other.offset && one.index > other.index);

/** Equal as JSON, whatever the order of members. */
function sameJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
  return left.length === right.size && left.every(([key, value]) => right.has(key) && sameJson(value, right.get(key)));
}
