-- resign removes an incarnation that holds nothing any more from a partition. Others
-- must not wait for it to fire schedules until its lease would have lapsed.
--
-- KEYS     1 operations   2 leases   3 channels that it is subscribed to
--          4 its connections; and in the first partition
--          5 incarnations that fire schedules, as leases
-- ARGV     1 operation    2 deadline   3 incarnation   4 1 if it leaves
--          5 topic on which to tell the nodes
-- RETURNS  ok: nothing. none if it holds something, or its lease has not lapsed

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local lease = redis.call('ZSCORE', KEYS[2], ARGV[3])
if (lease and tonumber(lease) > NOW and ARGV[4] ~= '1')
  or redis.call('EXISTS', KEYS[3], KEYS[4]) > 0 then
  return answer('none')
end
redis.call('ZREM', KEYS[2], ARGV[3])
if KEYS[5] and redis.call('ZREM', KEYS[5], ARGV[3]) == 1 then
  redis.call('PUBLISH', ARGV[5], 'heartbeat')
end
return remember('')
