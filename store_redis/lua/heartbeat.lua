-- heartbeat renews a node's lease in the first partition, and tells which nodes
-- share the work. Who has not renewed its lease in half of its length does not.
--
-- RETURNS  ok: until when the lease was before, and until when it is now; then the
--          incarnations at work, then those of them that fire schedules. stale

local LEASES, FIRING = unpack(KEYS, 2) -- those that fire schedules have leases of their own
local INCARNATION, LENGTH, FIRES, TOPIC = unpack(ARGV, 3) -- in ms; 1 if it fires; the topic that all nodes hear

return operation(function()
  local before = redis.call('ZSCORE', LEASES, INCARNATION)
  if not before then
    return answer('stale')
  end
  local length = tonumber(LENGTH)
  local expires = text(NOW + length)
  -- A full memory refuses nothing that follows a removal: see renew.lua.
  redis.call('ZREM', LEASES, INCARNATION)
  redis.call('ZADD', LEASES, expires, INCARNATION)
  for _, leases in ipairs({LEASES, FIRING}) do -- Leases that are too long are cut, as in renew.lua.
    for _, other in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. expires, '+inf', 'LIMIT', 0, 100)) do
      redis.call('ZADD', leases, expires, other)
    end
  end
  if FIRES == '1' then
    redis.call('ZADD', FIRING, expires, INCARNATION)
  elseif redis.call('ZREM', FIRING, INCARNATION) == 1 then
    redis.call('PUBLISH', TOPIC, 'heartbeat')
  end
  local lapsed = redis.call('ZRANGEBYSCORE', FIRING, '-inf', text(NOW), 'LIMIT', 0, 100)
  if #lapsed > 0 then
    redis.call('ZREM', FIRING, unpack(lapsed))
  end
  local reply = answer('ok', pack({before, expires}))
  for i, leases in ipairs({LEASES, FIRING}) do
    reply[i + 3] = redis.call('ZRANGEBYSCORE', leases, '(' .. text(NOW + length / 2), '+inf')
  end
  return reply
end)
