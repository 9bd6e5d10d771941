// The filter of everything an identity reads: what its grants demand, and what it asked for.
//
//   asked ──parse, check──▶ canonical ─┐
//   filters of grants ──parse, put claims in, check──▶ canonical, joined by || ─┴─ && ──▶ the filter to plan
//
// Each part is parsed by itself and printed anew from its tree before they are joined, so that no text of one can reach
// into another, whatever brackets, quotes and comments it holds.

import type { AvroType } from '../avro/avro-type.ts';
import { MdsError } from '../errors.ts';
import { MAX_FILTER_CHARACTERS, MAX_FILTER_COST, MAX_FILTER_DEPTH } from '../plan/limits.ts';
import { filterError, placeIn } from '../plan/place.ts';
import { checkFilter, makePlan } from '../plan/plan.ts';
import { claimValues } from './claims.ts';
import { type Grant, grantsFor, type Identity, isAdmin } from './identity.ts';

/** Half of what any filter may have: the other half is left to the reader, and its limit says nothing of the grants. */
const MAX_CHARACTERS = MAX_FILTER_CHARACTERS / 2;
const MAX_COST = MAX_FILTER_COST / 2;
/** Joining adds two levels to the deeper part, and its brackets one. */
const MAX_DEPTH = MAX_FILTER_DEPTH - 3;

/**
 * @param asked the reader's own filter; '' takes every event
 * @param schema the event record of the topic's schema, with which the result will be planned
 * @returns the filter to be planned instead: no event passes it that no grant allows
 * @throws MdsError `MDS_FILTER_…` with `details.at` in `asked`; `MDS_FORBIDDEN` when no grant allows reading the topic, or
 *   none that does has a filter that can be made with this identity's claims and this schema
 */
export function readingFilter(identity: Identity, topic: string, asked: string, schema: AvroType): string {
  if (isAdmin(identity)) return asked;
  const grants = grantsFor(identity, 'subscribe', topic);
  if (grants.length === 0) throw forbidden(topic);
  const demanded = demandedFilter(identity, grants, topic, schema);
  if (demanded === '') return asked;
  const wanted = makePlan({ filter: asked }, schema).filter;
  return wanted === '' ? demanded : bothFilters(demanded, wanted, asked, schema);
}

/** '' when some grant allows every event. */
function demandedFilter(identity: Identity, grants: readonly Grant[], topic: string, schema: AvroType): string {
  const claims = claimValues(identity.claims);
  const made = grants.map(({ filter = '' }) => checkFilter(filter, schema, claims));
  const usable = made.filter((check) => check.ok);
  if (usable.length === 0) throw forbidden(topic);
  if (usable.some(({ canonical }) => canonical === '')) return '';
  const joined = checkFilter(usable.map(({ canonical }) => `(${canonical})`).join(' || '), schema);
  if (!joined.ok || joined.canonical.length > MAX_CHARACTERS || joined.cost > MAX_COST) throw forbidden(topic);
  return joined.canonical;
}

function bothFilters(demanded: string, wanted: string, asked: string, schema: AvroType): string {
  const both = checkFilter(`(${demanded}) && (${wanted})`, schema);
  if (both.ok && both.canonical.length <= MAX_FILTER_CHARACTERS) return both.canonical;
  const at = placeIn(asked, 0, asked.length);
  switch (both.ok ? 'MDS_FILTER_TOO_LONG' : both.error.code) {
    case 'MDS_FILTER_TOO_DEEP':
      throw filterError('MDS_FILTER_TOO_DEEP', at, { depth: `more than ${MAX_DEPTH}`, limit: MAX_DEPTH });
    case 'MDS_FILTER_TOO_COSTLY':
      throw filterError('MDS_FILTER_TOO_COSTLY', at, { cost: `more than ${MAX_COST}`, limit: MAX_COST });
    default: {
      const length = Math.max(asked.length, wanted.length);
      throw filterError('MDS_FILTER_TOO_LONG', at, { length, limit: MAX_CHARACTERS });
    }
  }
}

const forbidden = (topic: string): MdsError => new MdsError('MDS_FORBIDDEN', { action: 'subscribe', topic });
