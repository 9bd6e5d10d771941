// The Lua scripts by which edges agree on who consumes and who owns a shard. Each looks and writes in one step, and takes
// the time from Redis, so that neither slow edges nor their clocks can make two owners.

/**
 * KEYS consumers · ARGV ttlMs, keepMs, channel of notices, subscription id, then for each consumer of this edge: name, edge
 * id, connection, joinedMs, connectedMs (both 0 when it is new).
 *
 * A consumer shows itself; of two connections with one name the later one stays. @returns [now, every live consumer as JSON]
 */
export const SHOW_CONSUMERS = `
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local ttl = tonumber(ARGV[1])
local changed = false
local function read(name)
  local text = redis.call('HGET', KEYS[1], name)
  if not text then return nil end
  local entry = cjson.decode(text)
  if entry.seenMs + ttl < now then return nil end
  return entry
end
for i = 5, #ARGV, 5 do
  local name, edge, connection = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local joined, connected = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
  local entry = read(name)
  if connected == 0 then
    connected = now
    if entry and entry.connectedMs >= now then connected = entry.connectedMs + 1 end
    joined = entry and entry.joinedMs or now
  end
  local isMine = entry and entry.connection == connection
  if not entry or isMine or entry.connectedMs < connected then
    if not isMine then changed = true end
    redis.call('HSET', KEYS[1], name, cjson.encode({
      consumer = name, edgeId = edge, connection = connection,
      joinedMs = joined, connectedMs = connected, seenMs = now
    }))
  end
end
local live = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if read(all[i]) then
    live[#live + 1] = all[i + 1]
  else
    redis.call('HDEL', KEYS[1], all[i])
    changed = true
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if changed then redis.call('PUBLISH', ARGV[3], ARGV[4]) end
return {now, live}
`;

/** KEYS consumers · ARGV consumer, connection, channel of notices, subscription id */
export const HIDE_CONSUMER = `
local text = redis.call('HGET', KEYS[1], ARGV[1])
if text and cjson.decode(text).connection == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return 0
`;

/**
 * KEYS shard · ARGV owner, leaseMs
 *
 * @returns ['none'] without a state, ['held', ms that the lease of another goes on] or ['taken', epoch, state]
 */
export const ACQUIRE_SHARD = `
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local shard = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'leaseUntilMs', 'state')
if not shard[4] then return {'none'} end
local untilMs = tonumber(shard[3] or '0')
if shard[1] and shard[1] ~= '' and shard[1] ~= ARGV[1] and untilMs > now then return {'held', untilMs - now} end
local epoch = tonumber(shard[2] or '0') + 1
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'epoch', epoch, 'leaseUntilMs', now + tonumber(ARGV[2]))
return {'taken', epoch, shard[4]}
`;

/**
 * KEYS shard, ledger minute, trail, definitions · ARGV owner, epoch, leaseMs (0: the shard is released), state, shard number, lifetime of
 * the ledger in ms, length of the trail, channel of notices, subscription id, number of counts, name and value of each, then
 * the trail's entries.
 *
 * Everything an owner knows, in one step, unless it was superseded. When Redis has lost what it knew of this epoch, the
 * owner's state is the best there is: it is written under a new epoch, and the counts follow with the next call. Not so when
 * the subscription was deleted: other definitions are there, this one is not.
 *
 * @returns ['stored', epoch], ['anew', epoch] or ['superseded', epoch]
 */
export const STORE_SHARD = `
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local mine = tonumber(ARGV[2])
local shard = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
local epoch = tonumber(shard[2] or '-1')
local isMine = epoch == mine and shard[1] == ARGV[1]
local isLost = epoch < mine or (epoch == mine and (not shard[1] or shard[1] == ''))
if not isMine and not isLost then return {'superseded', epoch} end
if isLost then
  if redis.call('EXISTS', KEYS[4]) == 1 and redis.call('HEXISTS', KEYS[4], ARGV[9]) == 0 then
    return {'superseded', epoch}
  end
  epoch = mine + 1
end
local leaseMs = tonumber(ARGV[3])
redis.call('HSET', KEYS[1], 'epoch', epoch, 'state', ARGV[4])
if leaseMs > 0 then
  redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'leaseUntilMs', now + leaseMs)
else
  redis.call('HSET', KEYS[1], 'owner', '', 'leaseUntilMs', 0)
end
if isLost then return {'anew', epoch} end
local at = 11 + 2 * tonumber(ARGV[10])
if at > 11 then
  for i = 11, at - 1, 2 do
    redis.call('HSET', KEYS[2], ARGV[5] .. '.' .. epoch .. '.' .. ARGV[i], ARGV[i + 1])
  end
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
end
for i = at, #ARGV do redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], '*', 'entry', ARGV[i]) end
if leaseMs == 0 then redis.call('PUBLISH', ARGV[8], ARGV[9]) end
return {'stored', epoch}
`;

/** KEYS list · ARGV limit, requests. Beyond the limit nothing is added: it is asked again later. */
export const PUSH_BOUNDED = `
local room = tonumber(ARGV[1]) - redis.call('LLEN', KEYS[1])
for i = 2, math.min(#ARGV, room + 1) do redis.call('LPUSH', KEYS[1], ARGV[i]) end
return room
`;
