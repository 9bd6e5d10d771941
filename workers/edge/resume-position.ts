// Reads the resume token of a subscribe message against the topic it is for.

import type { CatalogTopic } from '../../schemas/coordination.ts';
import type { Position } from '../../schemas/cursor.ts';
import { MdsError } from '../../schemas/errors.ts';
import { decodeResumeToken } from '../../schemas/resume-token.ts';

/**
 * A topic that has grown since the edge has read the catalog is refused for now: the positions that a token has in the new
 * partitions would be forgotten.
 *
 * @throws MdsError `MDS_TOKEN_CORRUPT`, `MDS_TOKEN_WRONG_TOPIC` or `MDS_TOPIC_BEHIND`
 */
export function readResumePosition(token: string, topic: CatalogTopic): Position {
  const { topicId, position } = decodeResumeToken(token);
  if (topicId !== topic.topicId) throw new MdsError('MDS_TOKEN_WRONG_TOPIC', { topic: topic.name });
  const { name, partitions } = topic;
  if (Math.max(-1, ...position.keys()) >= partitions) {
    throw new MdsError('MDS_TOPIC_BEHIND', { topic: name, partitions });
  }
  return position;
}
