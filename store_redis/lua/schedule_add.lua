-- schedule_add accepts a schedule.
--
-- KEYS     1 operations, 2-4 as in schedule.lua
-- ARGV     1 operation   2 deadline   3 id   4 due in ms   5 body
--          6 topic of who fires it   7 partition
--          8 how many the channel may have; 0 any number
-- RETURNS  ok: nothing; full

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local most = tonumber(ARGV[8])
if most > 0 and redis.call('ZCARD', OF_CHANNEL) >= most and redis.call('HEXISTS', BODIES, ID) == 0 then
  return decline('full')
end
if redis.call('HSETNX', BODIES, ID, ARGV[5]) == 1 then
  redis.call('ZADD', BY_TIME, ARGV[4], ID)
  redis.call('ZADD', OF_CHANNEL, ARGV[4], ID)
  if redis.call('ZRANGE', BY_TIME, 0, 0)[1] == ID then
    redis.call('PUBLISH', ARGV[6], 'due ' .. ARGV[7] .. ' ' .. text(math.max(0, tonumber(ARGV[4]) - NOW)))
  end
end
return remember('')
