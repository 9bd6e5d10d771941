// Times of requests as Postgres takes them. It refuses offsets beyond 15:59 and years before 1 or of five digits, all of
// which JavaScript reads; and minutes since 1970 are kept in 32 bits.

import { MdsError } from '../../schemas/errors.ts';

interface Times {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Nothing is older than 1970 or younger than this. */
const LAST_MS = Date.UTC(3000, 0, 1);

/**
 * @param place of the two in the request: `querystring/`
 * @returns the same with its times in UTC
 * @throws MdsError `MDS_REQUEST_INVALID` when one of them is no time
 */
export function withStoredTimes<Given extends Times>(given: Given, place = ''): Given {
  const { from, to } = given;
  return {
    ...given,
    ...(from === undefined ? {} : { from: storedTime(from, `${place}from`) }),
    ...(to === undefined ? {} : { to: storedTime(to, `${place}to`) }),
  };
}

function storedTime(time: string, at: string): string {
  const timeMs = Date.parse(time);
  if (Number.isFinite(timeMs)) return new Date(Math.min(LAST_MS, Math.max(0, timeMs))).toISOString();
  const message = `${time} is not a time; write it as 2026-01-31T12:00:00Z`;
  throw new MdsError('MDS_REQUEST_INVALID', { problems: [message], errors: [{ at, message }] });
}
