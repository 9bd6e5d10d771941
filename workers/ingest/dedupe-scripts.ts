// What Redis does for the dedupe window, in one step each.

const SLICES = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function sliceAt(window, back)
  return KEYS[1] .. ':' .. window .. ':' .. (math.floor(now / window) - back)
end
`;

/**
 * Claims each id that is free, or whose claim has run out. KEYS: slices. ARGV: what claims' keys begin with, claim, lease ms,
 * window ms, and ids and places of the events (packed-events.ts). Returns place, kind and claims of every id that was not free.
 *
 * Ids are read and written by the thousand: a call of Redis costs a script more than the id it is about.
 */
export const CLAIM_SCRIPT = `${SLICES}
local claims, claim, lease, window = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local current, before = sliceAt(window, 0), sliceAt(window, 1)
local hasBefore = redis.call('EXISTS', before) == 1
local settled = {}
local function isSettled(name)
  if settled[name] == nil then settled[name] = redis.call('EXISTS', claims .. name) == 1 end
  return settled[name]
end
local answers = {}
local wrote = false
local allIds, places = cmsgpack.unpack(ARGV[5])
for from = 1, #allIds, 1000 do
  local ids = {}
  for i = from, math.min(from + 999, #allIds) do ids[i - from + 1] = allIds[i] end
  local known = redis.call('HMGET', current, unpack(ids))
  local older = hasBefore and redis.call('HMGET', before, unpack(ids)) or {}
  local writes = {}
  for i, id in ipairs(ids) do
    local place = places[from + i - 1]
    local mine = claim .. ',' .. place .. ',' .. now
    local value = known[i] or older[i]
    if not value then
      writes[#writes + 1] = id
      writes[#writes + 1] = mine
    else
      local name, at = string.match(value, '^([^,]+),%d+,(%d+)')
      local kind = 'unsure'
      if isSettled(name) then kind = 'done'
      elseif now - tonumber(at) < lease then kind = 'busy'
      else
        writes[#writes + 1] = id
        writes[#writes + 1] = mine .. ';' .. value
      end
      answers[#answers + 1] = tostring(place)
      answers[#answers + 1] = kind
      answers[#answers + 1] = value
    end
  end
  if #writes > 0 then
    redis.call('HSET', current, unpack(writes))
    wrote = true
  end
end
if wrote then
  redis.call('PEXPIRE', current, 2 * window)
  -- by now and not by the clock: freeing millions of ids must not stop Redis
  redis.call('UNLINK', sliceAt(window, 2), sliceAt(window, 3))
end
return answers
`;

/** Gives events of a claim to one that is never settled. KEYS: slices. ARGV: claim, window ms, ids. */
export const REOPEN_SCRIPT = `${SLICES}
local claim, window = ARGV[1], tonumber(ARGV[2])
local slices = { sliceAt(window, 0), sliceAt(window, 1) }
for i = 3, #ARGV do
  for _, slice in ipairs(slices) do
    local value = redis.call('HGET', slice, ARGV[i])
    if value and string.sub(value, 1, #claim + 1) == claim .. ',' then
      redis.call('HSET', slice, ARGV[i], claim .. '~' .. string.sub(value, #claim + 1))
      break
    end
  end
end
return redis.status_reply('OK')
`;
