-- renew extends leases, each of an incarnation in one partition.
--
-- RETURNS  ok: for each, until when it was before and until when it is now, 0 for
--          none
--
-- Where memory is full, Redis refuses what needs some as the first write of a
-- script. ZREM needs none, and what follows is let through. Else the leases of
-- all nodes would lapse, and each would end what the others have.
--
-- A lease that is longer than one that begins now is by the clock of another
-- server, or from before the clock was set back. It is cut: if its node lives, it
-- is renewed in time.

-- KIND is join for a new lease, keep to renew one even if memory is full, or test to
-- renew one only if Redis accepts writes.
local LEASES = {unpack(KEYS, 2)} -- of the partitions
local LENGTH, KIND = unpack(ARGV, 3, 4) -- in ms
local INCARNATIONS = {unpack(ARGV, 5)}

return operation(function()
  local expires, results = text(NOW + tonumber(LENGTH)), {}
  for i, leases in ipairs(LEASES) do
    local incarnation = INCARNATIONS[i]
    local before = redis.call('ZSCORE', leases, incarnation)
    local now = '0'
    if before or KIND == 'join' then
      if KIND == 'keep' then
        redis.call('ZREM', leases, incarnation)
      end
      redis.call('ZADD', leases, expires, incarnation)
      for _, other in ipairs(redis.call('ZRANGEBYSCORE', leases, '(' .. expires, '+inf', 'LIMIT', 0, 100)) do
        redis.call('ZADD', leases, expires, other)
      end
      now = expires
    end
    results[#results + 1], results[#results + 2] = before or '0', now
  end
  return answer('ok', pack(results)) -- Another run may as well renew them again.
end)
