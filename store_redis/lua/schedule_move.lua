-- schedule_move changes when a schedule is due.
--
-- RETURNS  ok: nothing. none

local DUE_AT, DUE_NANOS, TOPIC, PARTITION = unpack(ARGV, 4) -- in ms; in ns; of the node that fires it

return operation(function()
  local body = redis.call('HGET', BODIES, ID)
  if not body then
    return decline('none')
  end
  redis.call('HSET', BODIES, ID, DUE_NANOS .. string.sub(body, string.find(body, ' ', 1, true), -1))
  redis.call('ZADD', BY_TIME, DUE_AT, ID)
  redis.call('ZADD', OF_CHANNEL, DUE_AT, ID)
  if redis.call('ZSCORE', OF_OWNER, ID) then
    own(DUE_AT)
  end
  tell_if_first(DUE_AT, TOPIC, PARTITION)
end)
