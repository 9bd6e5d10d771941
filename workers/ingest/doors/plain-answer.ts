// For senders that only look at the status: all of it is in Kafka, or some of it never will be, or send it all again.

import type { IngestResult } from '../../../schemas/ingest.ts';
import type { DoorAnswer } from './door.ts';

export interface Outcome {
  readonly rejected: readonly IngestResult[];
  /** The first event of which it is not known whether Kafka has it. */
  readonly failed: Extract<IngestResult, { status: 'failed' }> | null;
  /** What is wrong with the first rejected event. */
  readonly reason: string;
}

export function outcomeOf(results: readonly IngestResult[]): Outcome {
  const rejected = results.filter(({ status }) => status === 'rejected');
  const failed = results.find((result) => result.status === 'failed') ?? null;
  const first = rejected[0];
  return { rejected, failed, reason: first?.status === 'rejected' ? first.detail : '' };
}

/** @param okStatus 200 or 204 */
export function plainAnswer(
  results: readonly IngestResult[],
  okStatus: 200 | 204,
  further: readonly string[] = [],
): DoorAnswer {
  const { rejected, failed, reason } = outcomeOf(results);
  if (failed) return text(503, `send it again: ${failed.detail}`); // what Kafka has already is not written twice
  const problems = [
    ...(rejected.length === 0 ? [] : [`${rejected.length} of ${results.length} events were refused: ${reason}`]),
    ...further,
  ];
  return problems.length === 0 ? { status: okStatus, body: '' } : text(400, problems.join('; '));
}

const text = (status: number, line: string): DoorAnswer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `${line}\n`,
});
