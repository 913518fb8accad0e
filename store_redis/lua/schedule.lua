-- Put in front of every script that changes schedules without firing them.
--
-- KEYS  2 schedules by time   3 their bodies   4 those of the channel by time
--       5 those of the channel and an owner by time: some that are gone stay there
--         until somebody must know
-- ARGV  3 id
--
-- A body is the time in nanoseconds, a space, and what only the caller reads.

local BY_TIME, BODIES, OF_CHANNEL, OF_OWNER = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ID = ARGV[3]

-- own puts the schedule among its owner's, whose list lasts as long as there can
-- be any, and a day longer, since they may be late.
local function own(due)
  redis.call('ZADD', OF_OWNER, due, ID)
  local last = redis.call('ZRANGE', OF_OWNER, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', OF_OWNER, text(tonumber(last[2]) + 86400000))
end
