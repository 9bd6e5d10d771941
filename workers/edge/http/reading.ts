// What somebody may read of what they ask for over HTTP: the topic, and the filter that is planned.

import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { SubscribeMessage } from '../../../schemas/frames.ts';
import { type Identity, mayDo } from '../../../schemas/identity/identity.ts';
import { readingFilter } from '../../../schemas/identity/reading-filter.ts';
import { afterLook } from '../awaited-subscription.ts';
import { readResumePosition } from '../resume-position.ts';

export interface ReadTopics {
  /** @throws MdsError `MDS_TOPIC_UNKNOWN` */
  topicNamed(name: string): CatalogTopic;
  schemaOf(topic: CatalogTopic): AvroRecord;
}

export interface Reading {
  readonly topicId: number;
  readonly filter: string;
}

/**
 * @param lookAnew reads the topics as they are now. Gives false when they could not be read
 * @throws MdsError `MDS_FORBIDDEN`, `MDS_TOPIC_UNKNOWN`, `MDS_TOKEN_…`, `MDS_TOPIC_BEHIND` or `MDS_FILTER_…`
 */
export async function readingOf(
  topics: ReadTopics,
  lookAnew: () => Promise<boolean>,
  identity: Identity,
  { topic: name, filter = '', resume }: Pick<SubscribeMessage, 'topic' | 'filter' | 'resume'>,
): Promise<Reading> {
  if (!mayDo(identity, 'subscribe', name)) throw new MdsError('MDS_FORBIDDEN', { action: 'subscribe', topic: name });
  const topic = await afterLook(() => {
    const found = topics.topicNamed(name);
    if (resume !== undefined) readResumePosition(resume, found);
    return found;
  }, lookAnew);
  return { topicId: topic.topicId, filter: readingFilter(identity, name, filter, topics.schemaOf(topic)) };
}
