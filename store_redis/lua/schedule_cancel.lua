-- schedule_cancel removes a schedule.
--
-- RETURNS  ok: nothing. none

return operation(function()
  if redis.call('ZREM', BY_TIME, ID) == 0 then
    return decline('none')
  end
  redis.call('HDEL', BODIES, ID)
  redis.call('ZREM', OF_CHANNEL, ID)
  redis.call('ZREM', OF_OWNER, ID)
end)
