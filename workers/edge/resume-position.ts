// Reads the resume token of a subscribe message against the topic it is for.

import type { CatalogTopic } from '../../schemas/coordination.ts';
import type { Position } from '../../schemas/cursor.ts';
import { MdsError } from '../../schemas/errors.ts';
import { decodeResumeToken } from '../../schemas/resume-token.ts';

/** @throws MdsError `MDS_TOKEN_CORRUPT` or `MDS_TOKEN_WRONG_TOPIC` */
export function readResumePosition(token: string, topic: CatalogTopic): Position {
  const { topicId, position } = decodeResumeToken(token);
  if (topicId !== topic.topicId) throw new MdsError('MDS_TOKEN_WRONG_TOPIC', { topic: topic.name });
  return position;
}
