-- release gives back an entry that was not handled, for any consumer to claim
-- when it has been idle for long enough, unless it is another's by now.
--
-- KEYS     1 stream
-- ARGV     1 group   2 consumer   3 id   4 for how long it counts as idle, in ms
--          5 how many attempts count
-- RETURNS  1, or 0 if it was not the consumer's

if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then
  return 0
end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[4], 'RETRYCOUNT', ARGV[5], 'JUSTID')
return 1
