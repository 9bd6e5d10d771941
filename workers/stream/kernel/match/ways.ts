// How a channel can be found: the ways in which its filter can become true, each with a posting that leads there and what
// must hold besides. A conjunction is found by its best part, a disjunction by all of its parts.

import type { Posting } from './posting.ts';
import { type Access, byCost, type Predicate } from './predicate.ts';

export interface Way {
  readonly postings: () => Posting[];
  readonly rest: readonly Predicate[];
}

/** All ways of a filter, and the share of events for which one of them is tried. */
export interface Ways {
  readonly ways: readonly Way[];
  readonly rate: () => number;
  /** For people: what is looked up. */
  readonly by: readonly Pick<Access, 'kind' | 'of'>[];
  /** Says whether two choices are the same. */
  readonly key: string;
}

const NEVER: Ways = { ways: [], rate: () => 0, by: [], key: '' };

/** @returns null when no index leads to the filter: it must be tested on every event */
export function waysOf(predicate: Predicate): Ways | null {
  switch (predicate.kind) {
    case 'const':
      return predicate.test() ? null : NEVER;
    case 'or':
      return waysOfAny(predicate.parts);
    case 'and':
      return waysOfAll(predicate.parts);
    case 'leaf': {
      const { access, key } = predicate;
      if (access === null) return null;
      const ways = [{ postings: () => access.postings(), rest: [] }];
      return { ways, rate: () => predicate.rate, by: [access], key };
    }
  }
}

function waysOfAny(parts: readonly Predicate[]): Ways | null {
  const all: Ways[] = [];
  for (const part of parts) {
    const ways = waysOf(part);
    if (ways === null) return null;
    all.push(ways);
  }
  return {
    ways: all.flatMap(({ ways }) => ways),
    rate: () => all.reduce((sum, { rate }) => sum + rate(), 0),
    by: all.flatMap(({ by }) => by),
    key: all.map(({ key }) => key).join('\n|\n'),
  };
}

function waysOfAll(parts: readonly Predicate[]): Ways | null {
  if (parts.some((part) => part.kind === 'const' && !part.test())) return NEVER;
  const tested = parts.filter(({ kind }) => kind !== 'const');
  let best: Ways | null = null;
  for (const part of tested) {
    const ways = waysOf(part);
    if (ways === null || (best !== null && ways.rate() >= best.rate())) continue;
    best = besides(ways, byCost(tested.filter((other) => other !== part)));
  }
  for (const joined of joinedRanges(tested)) {
    if (best !== null && joined.rate() >= best.rate()) continue;
    best = besides(joined, byCost(tested.filter((other) => !joined.parts.includes(other))));
  }
  return best;
}

const besides = (found: Ways, others: readonly Predicate[]): Ways => ({
  ...found,
  ways: found.ways.map((way) => ({ ...way, rest: [...way.rest, ...others] })),
});

/** `low < x && x < high` is one range; its share is that of the smaller part at most. */
function joinedRanges(parts: readonly Predicate[]): (Ways & { readonly parts: readonly Predicate[] })[] {
  const byAttribute = new Map<unknown, { parts: Predicate[]; range: NonNullable<Access['range']> }>();
  for (const part of parts) {
    const range = part.access?.range;
    if (!range) continue;
    const before = byAttribute.get(range.attribute);
    if (!before) {
      byAttribute.set(range.attribute, { parts: [part], range });
      continue;
    }
    before.parts.push(part);
    const { low, high } = before.range;
    before.range = { ...range, low: Math.max(low, range.low), high: Math.min(high, range.high) };
  }
  return [...byAttribute.values()]
    .filter((joined) => joined.parts.length > 1)
    .map(({ parts: joined, range }) => ({
      parts: joined,
      ways: range.low > range.high ? [] : [{ postings: () => [range.attribute.inside(range)], rest: [] }],
      rate: () => jointRate(joined),
      by: range.low > range.high ? [] : [{ kind: 'range', of: joined[0]?.access?.of ?? '' }],
      key: joined.map(({ key }) => key).join('\n&\n'),
    }));
}

/** Two halves of a range overlap in what both leave: shares of 0.6 above and 0.5 below leave 0.1 between. */
function jointRate(parts: readonly Predicate[]): number {
  const missing = parts.reduce((sum, { rate }) => sum + (1 - rate), 0);
  const smallest = Math.min(...parts.map(({ rate }) => rate));
  return Math.max(0.01 * smallest, Math.min(smallest, 1 - missing));
}
