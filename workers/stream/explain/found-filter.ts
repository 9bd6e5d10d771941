// How the index finds a filter's events, said as data: by what it is looked up, and what is tested besides. Pure.

import type { FoundFilter } from '../../../schemas/explain-messages.ts';
import { type Indexed, leavesOf } from '../kernel/match/match-index.ts';

/** How a filter is found on events of one writer's schema. */
export type FoundOnSchema = Omit<FoundFilter, 'schemaIds'>;

export function foundOnSchema({ filter, ways, filings }: Pick<Indexed, 'filter' | 'ways' | 'filings'>): FoundOnSchema {
  if (ways === null) {
    const unindexed = leavesOf(filter).filter(({ kind, access }) => kind === 'leaf' && access === null);
    const residual = filter === null || filter.kind === 'const' ? [] : [filter.text];
    return { found: 'scan', by: [], residual, unindexed: unique(unindexed.map(({ text }) => text)) };
  }
  if (ways.ways.length === 0) return { found: 'never', by: [], residual: [], unindexed: [] };
  const by = new Map<string, FoundFilter['by'][number]>();
  ways.ways.forEach(({ rest }, i) => {
    const access = ways.by[i];
    if (!access) throw new RangeError('a way does not say what it looks up');
    const { kind, of } = access;
    // Each way has a list of its own for what is tested besides, so its filings are known by it.
    const values = filings.filter((filing) => filing.rest === rest).length;
    by.set(`${kind} ${of}`, { kind, of, values: (by.get(`${kind} ${of}`)?.values ?? 0) + values });
  });
  const residual = unique(ways.ways.flatMap(({ rest }) => rest.map(({ text }) => text)));
  return { found: 'index', by: [...by.values()], residual, unindexed: [] };
}

/**
 * Puts together what is the same for several schemas.
 *
 * @param perSchema with how many events each of them has
 * @returns that with the most events first
 */
export function foundFilters(
  perSchema: readonly { readonly schemaId: number; readonly events: number; readonly found: FoundOnSchema }[],
): FoundFilter[] {
  const groups = new Map<string, { readonly found: FoundOnSchema; readonly schemaIds: number[]; events: number }>();
  for (const { schemaId, events, found } of perSchema) {
    const key = JSON.stringify(found);
    const group = groups.get(key) ?? { found, schemaIds: [], events: 0 };
    group.schemaIds.push(schemaId);
    group.events += events;
    groups.set(key, group);
  }
  const sorted = [...groups.values()].sort((a, b) => b.events - a.events);
  return sorted.map(({ found, schemaIds }) => ({ schemaIds: schemaIds.sort((a, b) => a - b), ...found }));
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)];
