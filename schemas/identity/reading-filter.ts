// The filter of everything an identity reads: what its grants demand, and what it asked for.

import { MdsError } from '../errors.ts';
import { grantsFor, type Identity, isAdmin } from './identity.ts';

/**
 * @param asked the reader's own filter; '' takes every event
 * @returns the filter to be planned instead: no event passes it that no grant allows
 * @throws MdsError `MDS_FORBIDDEN` when no grant allows reading the topic
 */
export function readingFilter(identity: Identity, topic: string, asked: string): string {
  if (isAdmin(identity)) return asked;
  const grants = grantsFor(identity, 'subscribe', topic);
  if (grants.length === 0) throw new MdsError('MDS_FORBIDDEN', { action: 'subscribe', topic });
  const demanded = grants.map(({ filter = '' }) => filter.trim());
  if (demanded.includes('')) return asked; // one grant without a filter allows every event
  const mandatory = demanded.map((filter) => `(${filter})`).join(' || ');
  return asked.trim() === '' ? mandatory : `(${mandatory}) && (${asked})`;
}
