// From what a person says ("earliest", a time, a token) to a cursor for every partition, by asking Kafka. A position says
// that everything at or before its cursors is behind.

import type { StartPosition } from '../../schemas/api/subscription.ts';
import { beforeRecord, type Position } from '../../schemas/cursor.ts';
import { MdsError } from '../../schemas/errors.ts';
import { decodeResumeToken } from '../../schemas/resume-token.ts';
import type { StoredPosition } from '../store/subscriptions.ts';
import type { KafkaTopics } from '../topics/ports.ts';

interface StartTopic {
  readonly topicId: number;
  readonly name: string;
  readonly kafkaTopic: string;
  readonly partitions: number;
}

type TopicOffsets = Pick<KafkaTopics, 'ranges' | 'offsetsForTime'>;

/**
 * @returns a cursor for every partition
 * @throws MdsError `MDS_TOKEN_…`, `MDS_REQUEST_INVALID` (no such time) or `MDS_DEPENDENCY_UNAVAILABLE` (Kafka)
 */
export async function startPositionOf(
  start: StartPosition,
  topic: StartTopic,
  kafka: TopicOffsets,
): Promise<StoredPosition> {
  const { kafkaTopic, partitions } = topic;
  if (typeof start === 'object' && 'token' in start) return positionOfToken(start.token, topic);
  const ranges = await kafka.ranges(kafkaTopic, partitions);
  if (start === 'earliest') return nextOffsets(partitions, (partition) => ranges.get(partition)?.lowOffset ?? 0);
  const ends = (partition: number): number => ranges.get(partition)?.highOffset ?? 0;
  if (start === 'latest') return nextOffsets(partitions, ends);
  const found = await kafka.offsetsForTime(kafkaTopic, partitions, timeMsOf(start.time));
  return nextOffsets(partitions, (partition) => found.get(partition) ?? ends(partition));
}

/** Partitions that a position lacks stand at their beginning: a topic that grew loses nothing. */
export function completePosition(position: StoredPosition, partitions: number): StoredPosition {
  const known = new Map(position.map((cursor) => [cursor[0], cursor]));
  return Array.from({ length: partitions }, (_, partition) => known.get(partition) ?? before(partition, 0));
}

/** As it stands in a token. */
export const positionOf = (position: StoredPosition): Position =>
  new Map(position.map(([partition, offset, index]) => [partition, { offset, index }]));

function positionOfToken(token: string, { topicId, name, partitions }: StartTopic): StoredPosition {
  const point = decodeResumeToken(token);
  if (point.topicId !== topicId) throw new MdsError('MDS_TOKEN_WRONG_TOPIC', { topic: name });
  const unknown = [...point.position.keys()].find((partition) => partition >= partitions);
  if (unknown !== undefined) throw new MdsError('MDS_TOKEN_CORRUPT', { reason: `there is no partition ${unknown}` });
  const given: StoredPosition = [...point.position].map(([partition, { offset, index }]) => [partition, offset, index]);
  return completePosition(given, partitions);
}

function timeMsOf(time: string): number {
  const timeMs = Date.parse(time);
  // Nothing was produced before 1970, and to Kafka a negative time is a word of its own (-1 latest, -2 earliest).
  if (Number.isFinite(timeMs)) return Math.max(0, timeMs);
  const message = `${time} is not a time; write it as 2026-01-31T12:00:00Z`;
  throw new MdsError('MDS_REQUEST_INVALID', { problems: [message], errors: [{ at: 'body', message }] });
}

const nextOffsets = (partitions: number, next: (partition: number) => number): StoredPosition =>
  Array.from({ length: partitions }, (_, partition) => before(partition, next(partition)));

function before(partition: number, offset: number): [number, number, number] {
  const cursor = beforeRecord(offset);
  return [partition, cursor.offset, cursor.index];
}
