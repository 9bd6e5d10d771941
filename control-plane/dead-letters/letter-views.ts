// What of dead letters an identity sees: those of topics that it may read or manage; of a topic that it may read in part, the
// letters about events that its mandatory filter lets through.

import type { InspectedDeadLetter } from '../../schemas/api/dead-letter.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { MdsError } from '../../schemas/errors.ts';
import { grantsFor, type Identity, isAdmin, mayDo } from '../../schemas/identity/identity.ts';
import { makePlan } from '../../schemas/plan/plan.ts';
import { mandatoryFilterOf } from '../access/reading.ts';
import { topicsFor, topicsReadWhole } from '../access/seen.ts';
import type { DeadLetterRow, SeenLetters } from '../store/dead-letters.ts';
import type { Queryable } from '../store/queryable.ts';
import { listTopics } from '../store/topics.ts';
import type { LetterDecoding } from './letter-decoding.ts';

/** Topics that an identity reads in part; who has more of them does not see the letters of the last ones in lists. */
const MAX_PARTLY_READ = 1000;

/** `whole`: the record with all it holds; `event`: the one event, and not the others of its record; `hidden`: that it is there. */
type View = 'whole' | 'event' | 'hidden' | 'nothing';

/** Whoever may manage a topic and not read it sees that there are letters, and not what is in them. */
export const NOT_TO_BE_READ: Pick<InspectedDeadLetter, 'original' | 'schemaId' | 'events' | 'problem'> = {
  original: null,
  schemaId: null,
  events: [],
  problem: { code: 'MDS_FORBIDDEN', message: 'Only whoever may subscribe to the topic may read its events.' },
};

/** @returns null: all of the tenant */
export async function seenLetters(db: Queryable, identity: Identity): Promise<SeenLetters | null> {
  if (isAdmin(identity)) return null;
  const topics = [...(topicsReadWhole(identity) ?? []), ...(topicsFor(identity, ['manage']) ?? [])];
  const read = await listTopics(db, identity.tenant, topicsFor(identity, ['subscribe']), '', MAX_PARTLY_READ);
  const through = read.flatMap(({ name, schemaJson }) => {
    const mandatoryFilter = mandatoryFilterOf(identity, name, schemaJson);
    return mandatoryFilter === null || mandatoryFilter === '' ? [] : [{ topic: name, mandatoryFilter }];
  });
  return { topics, through };
}

/** @param schemaJson of the topic; null: it is gone @param value of the record */
export async function viewOf(
  decoding: Pick<LetterDecoding, 'judged'>,
  identity: Identity,
  { topic, index }: DeadLetterRow,
  schemaJson: string | null,
  value: Uint8Array | null,
): Promise<View> {
  if (isAdmin(identity)) return 'whole';
  if (!mayDo(identity, 'subscribe', topic)) return 'hidden';
  if (schemaJson === null) return isReadWhole(identity, topic) ? 'whole' : 'nothing';
  const mandatory = mandatoryFilterOf(identity, topic, schemaJson);
  if (mandatory === '') return 'whole';
  if (value === null || mandatory === null) return 'nothing'; // nobody can tell whether it would pass
  const judged = await decoding.judged(value, planOf(mandatory, schemaJson));
  if (judged === null || judged.length === 0) return 'nothing';
  if (judged.every(Boolean)) return 'whole';
  return index !== null && judged[index] === true ? 'event' : 'nothing';
}

/**
 * Key and message in a list, where nothing has looked at the event. Of a topic that is read in part the list has only letters
 * of subscriptions bound by the same filter, unless `manage` shows them all.
 */
export function isContentSeen(identity: Identity, topic: string): boolean {
  if (!mayDo(identity, 'subscribe', topic)) return false;
  return isReadWhole(identity, topic) || !mayDo(identity, 'manage', topic);
}

/** Whether every event may be read, whatever the schema of the topic is or was. */
const isReadWhole = (identity: Identity, topic: string): boolean =>
  isAdmin(identity) || grantsFor(identity, 'subscribe', topic).some(({ filter = '' }) => filter.trim() === '');

function planOf(mandatory: string, schemaJson: string) {
  const schema = parseAvroSchema(schemaJson);
  if (schema.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: schema.kind });
  return makePlan({ filter: mandatory }, schema);
}
