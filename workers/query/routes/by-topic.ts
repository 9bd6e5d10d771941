import { Type } from 'typebox';
import { TopicName } from '../../../schemas/api/topic.ts';

/** Parameters of every route about the data of a topic. */
export const ByTopic = Type.Object({ topic: TopicName });
