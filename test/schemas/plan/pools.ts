// What random schemas, events and filters are picked from, and how: small pools, so that constants meet values often.

/** Picks a number below `count`; every choice of a generator goes through it, so that fast-check can shrink and replay. */
export type Choose = (count: number) => number;

export const pick = <T>(choose: Choose, items: readonly T[]): T => {
  const item = items[choose(items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
};

export const STRINGS = ['', 'a', 'b', 'ab', 'abc', 'é', '\u{1f600}', '\uffff', 'LOW', '5'];
export const KEYS = ['a', 'b', 'region', 'constructor', '__proto__x'];
