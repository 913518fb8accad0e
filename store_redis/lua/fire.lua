-- Put in front of every script that fires a schedule.
--
-- KEYS  13 schedules by time   14 their bodies   15 those of the channel

local BY_TIME, BODIES, OF_CHANNEL = KEYS[13], KEYS[14], KEYS[15]

-- behind_another reports whether another one of the channel comes before. One that
-- put_off.lua made due later does not any more, and gets its place here.
local function behind_another(id)
  local moved
  while true do
    local first = redis.call('ZRANGE', OF_CHANNEL, 0, 0)[1]
    if not first or first == id or first == moved then
      return false
    end
    moved = first
    local due = redis.call('ZSCORE', BY_TIME, first)
    if due and tonumber(due) <= NOW then
      return true
    end
    redis.call('ZREM', OF_CHANNEL, first)
    if due then
      redis.call('ZADD', OF_CHANNEL, due, first)
    end
  end
end

-- take removes a schedule that is due, and otherwise returns the status to
-- refuse it with. Those of a channel are fired in order, however many are due
-- and whoever fires them.
local function take(id, body)
  local due = redis.call('ZSCORE', BY_TIME, id)
  if not due or tonumber(due) > NOW or redis.call('HGET', BODIES, id) ~= body then
    return 'none'
  end
  if behind_another(id) then
    return 'later'
  end
  redis.call('ZREM', BY_TIME, id)
  redis.call('HDEL', BODIES, id)
  redis.call('ZREM', OF_CHANNEL, id)
end
