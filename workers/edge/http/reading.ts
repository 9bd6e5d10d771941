// What somebody may read of what they ask for over HTTP: the topic, and the filter that is planned.

import { afterLook } from '../../../platform/catalog-look.ts';
import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import type { CatalogTopic } from '../../../schemas/coordination.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { SubscribeMessage } from '../../../schemas/frames.ts';
import { type Identity, mayDo } from '../../../schemas/identity/identity.ts';
import { readingFilter } from '../../../schemas/identity/reading-filter.ts';

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
 * @throws MdsError `MDS_FORBIDDEN`, `MDS_TOPIC_UNKNOWN` or `MDS_FILTER_…`
 */
export async function readingOf(
  topics: ReadTopics,
  lookAnew: () => Promise<boolean>,
  identity: Identity,
  { topic: name, filter = '' }: Pick<SubscribeMessage, 'topic' | 'filter'>,
): Promise<Reading> {
  if (!mayDo(identity, 'subscribe', name)) throw new MdsError('MDS_FORBIDDEN', { action: 'subscribe', topic: name });
  const topic = await afterLook(() => topics.topicNamed(name), lookAnew);
  return { topicId: topic.topicId, filter: readingFilter(identity, name, filter, topics.schemaOf(topic)) };
}
