-- connect records a connection of an incarnation.
--
-- RETURNS  ok: nothing. stale

local CONNECTIONS, LEASES = unpack(KEYS, 2)
local INCARNATION, CONNECTION, INFO = unpack(ARGV, 3)

return operation(function()
  if not redis.call('ZSCORE', LEASES, INCARNATION) then
    return answer('stale')
  end
  redis.call('HSET', CONNECTIONS, CONNECTION, INFO)
end)
