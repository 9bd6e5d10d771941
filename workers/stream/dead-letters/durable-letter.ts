// From the request of an edge and the record it is about to the dead letter that is written. Pure.

import type { DeadLetterRecord } from '../../../platform/dead-letter-record.ts';
import type { KafkaMessage } from '../../../platform/kafka.ts';
import type { DeadLetterRequest } from '../../../schemas/durable.ts';
import { isMdsErrorCode, MdsError } from '../../../schemas/errors.ts';

/** What a record says of itself besides where it is. */
type OriginalRecord = Pick<KafkaMessage, 'value' | 'key' | 'timestamp'>;

/**
 * @param record null: Kafka does not have it any more
 * @param nowMs ms since 1970
 */
export function durableLetterOf(
  request: DeadLetterRequest,
  kafkaTopic: string,
  record: OriginalRecord | null,
  nowMs: number,
): DeadLetterRecord {
  const { subscription, subscriptionName, shard, attempts, consumer } = request;
  const [partition, offset, index] = request.cursor;
  const { code, message } = record === null ? recordGone(request) : reasonOf(request);
  return {
    topic: kafkaTopic,
    partition,
    offset,
    reason: code,
    message,
    recordTimestamp: Math.max(0, record?.timestamp ?? 0),
    rejectedAt: nowMs,
    key: typeof record?.key === 'string' ? Buffer.from(record.key) : (record?.key ?? null),
    value: record?.value ?? null,
    index,
    subscription,
    subscriptionName,
    shard,
    attempts,
    consumer,
  };
}

/** A code stays what it is; a consumer's own words stand in the message. */
function reasonOf({ reason, attempts }: DeadLetterRequest): MdsError {
  if (isMdsErrorCode(reason)) return new MdsError(reason, { attempts });
  return new MdsError('MDS_EVENT_REFUSED', { attempts, reason });
}

const recordGone = (request: DeadLetterRequest): MdsError =>
  new MdsError('MDS_RECORD_GONE', { reason: reasonOf(request).message });
