-- Put in front of every script that changes schedules without firing them.
--
-- KEYS  2 schedules by time   3 their bodies   4 those of the channel by time
-- ARGV  3 id
--
-- A body is the time in nanoseconds, a space, and what only the caller reads.

local BY_TIME, BODIES, OF_CHANNEL = KEYS[2], KEYS[3], KEYS[4]
local ID = ARGV[3]
