-- schedule_add accepts a schedule.
--
-- KEYS     1 operations, 2-5 as in schedule.lua
-- ARGV     1 operation   2 deadline   3 id   4 due in ms   5 body
--          6 topic of who fires it   7 partition
--          8 how many the channel may have, 9 the owner of these; 0 any number
--          10 1 if it has an owner
-- RETURNS  ok: nothing; full

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end

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

local most, most_of_owner = tonumber(ARGV[8]), tonumber(ARGV[9])
if redis.call('HEXISTS', BODIES, ID) == 0 then
  if most > 0 and redis.call('ZCARD', OF_CHANNEL) >= most then
    return decline('full')
  end
  if most_of_owner > 0 and ARGV[10] == '1' and owner_has(most_of_owner) >= most_of_owner then
    return decline('full')
  end
end
if redis.call('HSETNX', BODIES, ID, ARGV[5]) == 1 then
  redis.call('ZADD', BY_TIME, ARGV[4], ID)
  redis.call('ZADD', OF_CHANNEL, ARGV[4], ID)
  if ARGV[10] == '1' then
    own(ARGV[4])
  end
  if redis.call('ZRANGE', BY_TIME, 0, 0)[1] == ID then
    redis.call('PUBLISH', ARGV[6], 'due ' .. ARGV[7] .. ' ' .. text(math.max(0, tonumber(ARGV[4]) - NOW)))
  end
end
return remember('')
