// Reading through a plan that was stored: a durable subscription that somebody else may have made.

import type { AvroType } from '../avro/avro-type.ts';
import { type Identity, mayDo } from './identity.ts';
import { readingFilter } from './reading-filter.ts';

/**
 * @param stored the mandatory filter that is part of the plan, as `readingFilter(maker, topic, '', schema)` gave it; '' for none
 * @param schema the event record of the topic's schema
 * @returns whether the identity may read every event that the plan lets through; no when nobody can tell
 */
export function mayReadThrough(identity: Identity, topic: string, stored: string, schema: AvroType): boolean {
  if (!mayDo(identity, 'subscribe', topic)) return false;
  const mandatory = readingFilter(identity, topic, '', schema);
  return mandatory === '' || mandatory === stored;
}
