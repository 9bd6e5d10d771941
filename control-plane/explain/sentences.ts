// How a filter is found, in words for whoever wrote it, with advice where it could be found faster. Pure.

import type { FoundFilter } from '../../schemas/explain-messages.ts';

type Access = FoundFilter['by'][number];

export function sentencesOf(found: FoundFilter): string[] {
  switch (found.found) {
    case 'never':
      return ['It matches nothing: it cannot be true for these events, and none of them is looked at.'];
    case 'index':
      return [foundBy(found.by), ...restOf(found.residual)];
    case 'scan':
      return scanned(found);
  }
}

function foundBy(by: readonly Access[]): string {
  const [only] = by;
  if (only && by.length === 1) return `Found by ${looksUp(only)}: only events ${that(only)} are looked at.`;
  const ways = by.map((access) => `${looksUp(access)}${access.values > 1 ? ` (${access.values} values)` : ''}`);
  return `Found by ${ways.slice(0, -1).join(', ')} or ${ways.at(-1)}: only events to which one of these leads are looked at.`;
}

function looksUp({ kind, of }: Access): string {
  switch (kind) {
    case 'equality':
      return `equality on ${of}`;
    case 'range':
      return `a range of ${of}`;
    case 'prefix':
      return `the beginning of ${of}`;
    case 'symbols':
      return `the values of ${of}`;
    case 'presence':
      return `the presence of ${of}`;
  }
}

function that({ kind, of, values }: Access): string {
  switch (kind) {
    case 'equality':
    case 'symbols':
      return values === 1 ? 'with that value' : `with one of its ${values} values`;
    case 'range':
      return values === 1 ? 'inside it' : `inside one of ${values} ranges`;
    case 'prefix':
      return values === 1 ? `whose ${of} begins so` : `with one of its ${values} beginnings`;
    case 'presence':
      return `that have ${of}`;
  }
}

const restOf = (residual: readonly string[]): string[] =>
  residual.length === 0 ? ['Nothing else has to be tested.'] : [`Tested on those alone: ${residual.join('; ')}`];

function scanned({ residual, unindexed }: FoundFilter): string[] {
  if (residual.length === 0) return ['It takes every event, so there is nothing to look up.'];
  const clauses = unindexed.length === 0 ? [] : [`No index serves ${unindexed.join('; ')}`];
  return [
    'Tested on every event: no index leads to all that may match.',
    ...clauses,
    'Add with && a clause that can be looked up: == or in on text or a number, <, <=, > or >= on a number or a time, startsWith, has(…), or anything about one enum or boolean. Of alternatives with ||, each needs one.',
  ];
}
