// Puts replay requests into the Redis list from which stream workers take them: repairs of a lane in front, because a whole
// edge waits for them, others behind those who wait already. The list is bounded: the oldest requests, which are nearest to
// their deadline, are dropped and asked for again by their edges.

import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import type { RedisKeys, ReplayRequest } from '../../schemas/coordination.ts';
import { reasonOf } from '../../schemas/errors.ts';

/** More than all edges together keep outstanding in normal times; at most some MB of Redis. */
const MAX_LISTED = 10_000;

/** A push that fails is only logged: the request is asked for again when no answer comes. */
export async function pushReplayRequest(
  redis: Redis,
  keys: RedisKeys,
  log: Logger,
  request: ReplayRequest,
): Promise<void> {
  try {
    const text = JSON.stringify(request);
    const isRepair = request.channels === 'interest';
    const listed = await (isRepair ? redis.rpush(keys.replay, text) : redis.lpush(keys.replay, text));
    if (listed > MAX_LISTED) {
      log.warn({ listed, limit: MAX_LISTED }, 'too many replay requests wait, the oldest are dropped');
      await redis.ltrim(keys.replay, 0, MAX_LISTED - 1);
    }
  } catch (error) {
    log.warn({ reason: reasonOf(error) }, 'a replay request could not be sent, it will be sent again');
  }
}
