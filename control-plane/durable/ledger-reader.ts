// The delivery ledger from where it is: the last two hours in Redis, everything, some seconds old, in Postgres.

import type { Redis } from '../../platform/redis.ts';
import { type DeliveryLedger, MAX_LEDGER_MINUTES } from '../../schemas/api/ledger.ts';
import { type DurableKeys, LEDGER_MINUTES } from '../../schemas/durable.ts';
import { MdsError } from '../../schemas/errors.ts';
import { type LedgerRow, readLedger } from '../store/delivery-ledger.ts';
import type { Queryable } from '../store/queryable.ts';
import { withStoredTimes } from '../store/stored-times.ts';
import { ledgerRowsOf, MINUTE_MS, sumLedger } from './ledger-sums.ts';

const DEFAULT_MINUTES = 60;

export interface LedgerReaderParts {
  readonly db: Queryable;
  readonly redis: Redis;
  readonly keys: DurableKeys;
  /** ms since 1970. */
  readonly now: () => number;
}

export async function readDeliveryLedger(
  { db, redis, keys, now }: LedgerReaderParts,
  subscriptionId: string,
  wish: { readonly from?: string | undefined; readonly to?: string | undefined },
): Promise<DeliveryLedger> {
  const nowMinute = Math.floor(now() / MINUTE_MS);
  // The present minute is not over, and belongs to it all the same.
  const { from, to } = withStoredTimes(wish, 'querystring/');
  const toMinute = to === undefined ? nowMinute + 1 : Math.ceil(Date.parse(to) / MINUTE_MS);
  const fromMinute = from === undefined ? toMinute - DEFAULT_MINUTES : Math.floor(Date.parse(from) / MINUTE_MS);
  if (fromMinute >= toMinute) throw badTime('from', 'it must be before to');
  if (toMinute - fromMinute > MAX_LEDGER_MINUTES)
    throw badTime('from', `at most ${MAX_LEDGER_MINUTES} minutes at once`);
  const stored = await readLedger(db, subscriptionId, fromMinute, toMinute);
  const oldestMinute = Math.max(fromMinute, nowMinute - LEDGER_MINUTES);
  const minutes = Array.from({ length: Math.max(0, toMinute - oldestMinute) }, (_, i) => oldestMinute + i);
  const live = await readMinutes(redis, keys, subscriptionId, minutes);
  return {
    subscription: subscriptionId,
    from: new Date(fromMinute * MINUTE_MS).toISOString(),
    to: new Date(toMinute * MINUTE_MS).toISOString(),
    ...sumLedger([...stored, ...(live ?? [])]),
    isCurrent: live !== null,
  };
}

/** @returns null when Redis is away */
async function readMinutes(
  redis: Redis,
  keys: DurableKeys,
  subscriptionId: string,
  minutes: readonly number[],
): Promise<LedgerRow[] | null> {
  const pipeline = redis.pipeline();
  for (const minute of minutes) pipeline.hgetall(keys.ledger(subscriptionId, minute));
  const answers = await pipeline.exec().catch(() => null); // shown as not current
  if (answers === null || answers.some(([error]) => error !== null)) return null;
  return minutes.flatMap(
    (minute, i) => ledgerRowsOf(subscriptionId, minute, (answers[i]?.[1] ?? {}) as Record<string, string>), // what HGETALL answers
  );
}

function badTime(name: string, message: string): MdsError {
  return new MdsError('MDS_REQUEST_INVALID', {
    problems: [`${name}: ${message}`],
    errors: [{ at: `querystring/${name}`, message }],
  });
}
