// What an identity may read of the events of a topic, and of resources that lead to them. Whatever somebody may not even see
// answers as if it were not there; whatever they see and may not change is refused.

import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { MdsError } from '../../schemas/errors.ts';
import { type Identity, mayDo } from '../../schemas/identity/identity.ts';
import { readingFilter } from '../../schemas/identity/reading-filter.ts';

/** @returns CEL that every event must satisfy, '' when all may be read; null: none may be read */
export function mandatoryFilterOf(identity: Identity, topic: string, schemaJson: string): string | null {
  if (!mayDo(identity, 'subscribe', topic)) return null;
  try {
    return readingFilter(identity, topic, '', parseAvroSchema(schemaJson));
  } catch (error) {
    // There is a grant, and what it demands cannot be asked of these events.
    if (error instanceof MdsError && error.code === 'MDS_FORBIDDEN') return null;
    throw error;
  }
}

export const maySeeTopic = (identity: Identity, topic: string): boolean =>
  mayDo(identity, 'subscribe', topic) || mayDo(identity, 'manage', topic) || mayDo(identity, 'publish', topic);

/** Subscriptions, routes and dead letters of a topic: that they exist, and how they fare. */
export const maySeeUseOf = (identity: Identity, topic: string): boolean =>
  mayDo(identity, 'subscribe', topic) || mayDo(identity, 'manage', topic);
