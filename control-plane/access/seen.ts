// What of a tenant's topics an identity sees, as patterns of SQL's LIKE: so that lists are cut where they are made, and pages
// are full. Pure.

import { type Action, type Grant, type Identity, isAdmin } from '../../schemas/identity/identity.ts';

/** Null: every topic of the tenant. */
export type SeenTopics = readonly string[] | null;

/** Topics on which some grant allows one of the actions. */
export function topicsFor(identity: Identity, actions: readonly Action[]): SeenTopics {
  if (isAdmin(identity)) return null;
  return patternsOf(identity.grants.filter((grant) => grant.actions.some((action) => actions.includes(action))));
}

/** Topics of which every event may be read. */
export function topicsReadWhole(identity: Identity): SeenTopics {
  if (isAdmin(identity)) return null;
  const isWhole = ({ actions, filter = '' }: Grant): boolean => actions.includes('subscribe') && filter.trim() === '';
  return patternsOf(identity.grants.filter(isWhole));
}

const patternsOf = (grants: readonly Grant[]): string[] => [
  ...new Set(grants.flatMap(({ topics }) => topics.map(likePattern))),
];

/** `host.*` → `host.%`; what LIKE would take for more than itself is escaped. */
export function likePattern(topic: string): string {
  const isPrefix = topic.endsWith('*');
  const text = (isPrefix ? topic.slice(0, -1) : topic).replace(/[\\%_]/g, '\\$&');
  return isPrefix ? `${text}%` : text;
}
