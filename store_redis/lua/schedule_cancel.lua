-- schedule_cancel removes a schedule.
--
-- RETURNS  ok: nothing. none

local BY_TIME, BODIES, OF_CHANNEL, OF_OWNER = unpack(KEYS, 2)
local ID = unpack(ARGV, 3, 3)

return operation(function()
  if redis.call('ZREM', BY_TIME, ID) == 0 then
    return decline('none')
  end
  redis.call('HDEL', BODIES, ID)
  redis.call('ZREM', OF_CHANNEL, ID)
  redis.call('ZREM', OF_OWNER, ID)
end)
