-- Put in front of every script that changes schedules without firing them.
--
-- A body is the time in nanoseconds, a space, and what only the caller reads. Among
-- those of a channel and an owner, some that are gone stay until somebody must know.

local BY_TIME, BODIES, OF_CHANNEL, OF_OWNER = unpack(KEYS, 2)
local ID = unpack(ARGV, 3, 3)

-- own puts the schedule among its owner's, whose list lasts as long as there can
-- be any, and a day longer, since they may be late.
local function own(due)
  redis.call('ZADD', OF_OWNER, due, ID)
  local last = redis.call('ZRANGE', OF_OWNER, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', OF_OWNER, text(tonumber(last[2]) + 86400000))
end

-- tell_if_first tells the node that fires schedules if this one is due first.
local function tell_if_first(due, topic, partition)
  if redis.call('ZRANGE', BY_TIME, 0, 0)[1] == ID then
    redis.call('PUBLISH', topic, 'due ' .. partition .. ' ' .. text(math.max(0, tonumber(due) - NOW)))
  end
end
