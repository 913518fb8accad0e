-- Put in front of every script that fires a schedule.
--
-- KEYS  13 schedules by time   14 their bodies   15 those of the channel

local BY_TIME, BODIES, OF_CHANNEL = KEYS[13], KEYS[14], KEYS[15]

-- take removes a schedule that is due, and otherwise returns the status to
-- refuse it with. Those of a channel are fired in order, however many are due
-- and whoever fires them.
local function take(id, body)
  local due = redis.call('ZSCORE', BY_TIME, id)
  if not due or tonumber(due) > NOW or redis.call('HGET', BODIES, id) ~= body then
    return 'none'
  end
  if redis.call('ZRANGE', OF_CHANNEL, 0, 0)[1] ~= id then
    return 'later'
  end
  redis.call('ZREM', BY_TIME, id)
  redis.call('HDEL', BODIES, id)
  redis.call('ZREM', OF_CHANNEL, id)
end
