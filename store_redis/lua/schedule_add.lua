-- schedule_add accepts a schedule.
--
-- RETURNS  ok: nothing. full

-- MOST is how many schedules the channel may have, and MOST_OF_OWNER how many of these
-- the owner; 0 is any number. The topic is that of the node that fires it.
local DUE_AT, BODY, TOPIC, PARTITION, MOST, MOST_OF_OWNER, OWNED = unpack(ARGV, 4) -- in ms; 1 if it has an owner

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

return operation(function()
  local most, most_of_owner = tonumber(MOST), tonumber(MOST_OF_OWNER)
  if redis.call('HEXISTS', BODIES, ID) == 0 then
    if most > 0 and redis.call('ZCARD', OF_CHANNEL) >= most then
      return decline('full')
    end
    if most_of_owner > 0 and OWNED == '1' and owner_has(most_of_owner) >= most_of_owner then
      return decline('full')
    end
  end
  if redis.call('HSETNX', BODIES, ID, BODY) == 1 then
    redis.call('ZADD', BY_TIME, DUE_AT, ID)
    redis.call('ZADD', OF_CHANNEL, DUE_AT, ID)
    if OWNED == '1' then
      own(DUE_AT)
    end
    tell_if_first(DUE_AT, TOPIC, PARTITION)
  end
end)
