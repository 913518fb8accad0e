-- schedule writes a schedule: a new one, another time of one that is there, or nothing
-- in its place.
--
-- RETURNS  ok: nothing. none, full
--
-- A body is the time in nanoseconds, a space, and what only the caller reads. Among the
-- schedules of a channel and of an owner, some that are gone stay until somebody must
-- know.

local BY_TIME, BODIES, OF_CHANNEL, OF_OWNER = unpack(KEYS, 2)
-- BODY is the time alone where the rest stays as it is, and '' to remove the schedule.
-- The topic is that of the node that fires it. Of a new one, MOST is how many schedules the channel may have, and
-- MOST_OF_OWNER how many of these the owner, 0 for any number; OWNED is 1 if it has one.
local ID, DUE_AT, BODY, TOPIC, PARTITION, MOST, MOST_OF_OWNER, OWNED = unpack(ARGV, 3) -- in ms

-- owner_has returns how many schedules the owner has: no fewer, and exactly if it
-- would be too many.
local function owner_has(most)
  if redis.call('ZCARD', OF_OWNER) >= most then
    for _, id in ipairs(redis.call('ZRANGE', OF_OWNER, 0, -1)) do
      if redis.call('HEXISTS', BODIES, id) == 0 then
        redis.call('ZREM', OF_OWNER, id)
      end
    end
  end
  return redis.call('ZCARD', OF_OWNER)
end

local function is_full()
  local most, most_of_owner = tonumber(MOST), tonumber(MOST_OF_OWNER)
  return (most > 0 and redis.call('ZCARD', OF_CHANNEL) >= most)
    or (most_of_owner > 0 and OWNED == '1' and owner_has(most_of_owner) >= most_of_owner)
end

local function remove()
  if redis.call('ZREM', BY_TIME, ID) == 0 then
    return decline('none')
  end
  redis.call('HDEL', BODIES, ID)
  redis.call('ZREM', OF_CHANNEL, ID)
  redis.call('ZREM', OF_OWNER, ID)
end

return operation(function()
  if BODY == '' then
    return remove()
  end
  local old = redis.call('HGET', BODIES, ID)
  local body, owned = BODY, OWNED == '1'
  if not string.find(BODY, ' ', 1, true) then
    if not old then
      return decline('none')
    end
    body, owned = BODY .. string.sub(old, string.find(old, ' ', 1, true), -1), redis.call('ZSCORE', OF_OWNER, ID)
  elseif old then
    return
  elseif is_full() then
    return decline('full')
  end
  redis.call('HSET', BODIES, ID, body)
  redis.call('ZADD', BY_TIME, DUE_AT, ID)
  redis.call('ZADD', OF_CHANNEL, DUE_AT, ID)
  if owned then
    -- The owner's list lasts as long as there can be any, and a day longer, since they
    -- may be late.
    redis.call('ZADD', OF_OWNER, DUE_AT, ID)
    local last = redis.call('ZRANGE', OF_OWNER, -1, -1, 'WITHSCORES')
    redis.call('PEXPIREAT', OF_OWNER, text(tonumber(last[2]) + 86400000))
  end
  if redis.call('ZRANGE', BY_TIME, 0, 0)[1] == ID then
    redis.call('PUBLISH', TOPIC, 'due ' .. PARTITION .. ' ' .. text(math.max(0, tonumber(DUE_AT) - NOW)))
  end
end)
