-- heartbeat renews a node's lease in the first partition, and tells which nodes
-- share the work. Who has not renewed its lease in half of its length does not. It
-- also does what probe does, so that a node which has nothing else to do runs one
-- script instead of two.
--
-- RETURNS  ok: until when the lease was before, and until when it is now, 1 if all at
--          work fire schedules, how many heard the probe, the history; then the
--          incarnations at work, then those of them that fire schedules, none if all do.
--          stale

local LEASES, FIRING = unpack(KEYS, 2) -- those that fire schedules have leases of their own
-- LENGTH is in ms, FIRES 1 if the node fires. All nodes hear TOPIC, and this one hears
-- PROBE, '' for no probe.
local INCARNATION, LENGTH, FIRES, TOPIC, PROBE = unpack(ARGV, 3)

-- at_work returns those whose leases were renewed lately.
local function at_work(leases)
  return redis.call('ZRANGEBYSCORE', leases, '(' .. text(NOW + tonumber(LENGTH) / 2), '+inf')
end

-- all_fire reports whether so many nodes fire and none of them is silent: they are
-- among those at work, for their leases there are no shorter.
local function all_fire(count)
  local first = redis.call('ZRANGE', FIRING, 0, 0, 'WITHSCORES')[2]
  return count == redis.call('ZCARD', FIRING) and (not first or tonumber(first) > NOW + tonumber(LENGTH) / 2)
end

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
  local heard = PROBE == '' and '' or text(redis.call('PUBLISH', PROBE, ''))
  local working = at_work(LEASES)
  -- The list may be long, and is usually the same.
  local all = all_fire(#working)
  local reply = answer('ok', pack({before, expires, all and '1' or '', heard, PROBE == '' and '' or history()}))
  reply[4], reply[5] = working, all and {} or at_work(FIRING)
  return reply
end)
