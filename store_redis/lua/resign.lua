-- resign removes an incarnation that holds nothing any more from a partition. Others
-- must not wait for it to fire schedules until its lease would have lapsed.
--
-- RETURNS  ok: nothing. none if it holds something, or its lease has not lapsed

local LEASES, OWNED, CONNECTIONS, FIRING = unpack(KEYS, 2) -- the last one in the first partition only
local INCARNATION, LEAVES, TOPIC = unpack(ARGV, 3) -- 1 if it leaves; the topic that all nodes hear

return operation(function()
  local lease = redis.call('ZSCORE', LEASES, INCARNATION)
  if (lease and tonumber(lease) > NOW and LEAVES ~= '1') or redis.call('EXISTS', OWNED, CONNECTIONS) > 0 then
    return answer('none')
  end
  redis.call('ZREM', LEASES, INCARNATION)
  if FIRING and redis.call('ZREM', FIRING, INCARNATION) == 1 then
    redis.call('PUBLISH', TOPIC, 'heartbeat')
  end
end)
