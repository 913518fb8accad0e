-- schedule_move changes when a schedule is due.
--
-- KEYS     1 operations, 2-5 as in schedule.lua
-- ARGV     1 operation   2 deadline   3 id   4 due in ms   5 due in ns
--          6 topic of who fires it   7 partition
-- RETURNS  ok: nothing. none

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local body = redis.call('HGET', BODIES, ID)
if not body then
  return decline('none')
end
redis.call('HSET', BODIES, ID, ARGV[5] .. string.sub(body, string.find(body, ' ', 1, true), -1))
redis.call('ZADD', BY_TIME, ARGV[4], ID)
redis.call('ZADD', OF_CHANNEL, ARGV[4], ID)
if redis.call('ZSCORE', OF_OWNER, ID) then
  own(ARGV[4])
end
if redis.call('ZRANGE', BY_TIME, 0, 0)[1] == ID then
  redis.call('PUBLISH', ARGV[6], 'due ' .. ARGV[7] .. ' ' .. text(math.max(0, tonumber(ARGV[4]) - NOW)))
end
return remember('')
