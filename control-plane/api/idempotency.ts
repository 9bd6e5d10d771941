// Idempotency keys on creation: a request that is sent again with the same key gets the first one's answer, however often
// and to whichever control plane it is sent. Only success is kept; a request that failed may be sent again as it is.
// Keys are each identity's own: nobody gets an answer that was made for another.

import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { MdsError } from '../../schemas/errors.ts';
import { claimKey, findKey, forgetKey, saveAnswer } from '../store/idempotency-keys.ts';
import type { Queryable } from '../store/queryable.ts';

/** A creation takes a second; whoever repeats it meanwhile waits for it. */
const WAIT_MS = 10_000;
const POLL_MS = 50;

export interface Answer {
  readonly status: number;
  /** JSON text. */
  readonly response: string;
}

export interface KeyedRequest {
  readonly tenant: string;
  readonly subject: string;
  readonly key: string;
  readonly route: string;
  readonly body: unknown;
}

/**
 * @param work makes the answer; runs at most once at a time for a key
 * @returns the answer, and whether it is an earlier request's
 * @throws MdsError `MDS_IDEMPOTENCY_MISMATCH` (the key belongs to another request), `MDS_TIMEOUT` (the first request is
 *   still being worked on), and what `work` throws
 */
export async function answerOnce(
  db: Queryable,
  request: KeyedRequest,
  work: () => Promise<Answer>,
  waitMs = WAIT_MS,
): Promise<Answer & { readonly replayed: boolean }> {
  const { tenant } = request;
  const key = storedKeyOf(request);
  const requestHash = hashOf(request);
  const deadlineMs = performance.now() + waitMs;
  while (!(await claimKey(db, tenant, key, requestHash))) {
    const known = await findKey(db, tenant, key);
    if (known !== null && known.requestHash !== requestHash)
      throw new MdsError('MDS_IDEMPOTENCY_MISMATCH', { key: request.key });
    if (known?.answer) return { ...known.answer, replayed: true };
    if (performance.now() > deadlineMs) {
      throw new MdsError('MDS_TIMEOUT', {
        operation: `The first request with the key ${request.key}`,
        timeoutMs: waitMs,
      });
    }
    await delay(POLL_MS);
  }
  try {
    const answer = await work();
    await saveAnswer(db, tenant, key, answer);
    return { ...answer, replayed: false };
  } catch (error) {
    await forgetKey(db, tenant, key);
    throw error;
  }
}

/** A hash, since subjects are as long as issuers make them. */
const storedKeyOf = ({ subject, key }: KeyedRequest): string =>
  createHash('sha256')
    .update(JSON.stringify([subject, key]))
    .digest('hex');

/** The order of an object's members does not matter, as in JSON. */
const hashOf = ({ route, body }: KeyedRequest): string =>
  createHash('sha256')
    .update(JSON.stringify([route, sorted(body)]))
    .digest('hex');

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]): [string, unknown] => [name, sorted(member)]);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}
