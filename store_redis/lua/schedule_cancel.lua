-- schedule_cancel removes a schedule.
--
-- KEYS     1 operations, 2-5 as in schedule.lua
-- ARGV     1 operation   2 deadline   3 id
-- RETURNS  ok: nothing. none

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
if redis.call('ZREM', BY_TIME, ID) == 0 then
  return decline('none')
end
redis.call('HDEL', BODIES, ID)
redis.call('ZREM', OF_CHANNEL, ID)
redis.call('ZREM', OF_OWNER, ID)
return remember('')
