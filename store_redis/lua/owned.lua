-- owned reads a part of what an incarnation holds in a partition.
--
-- RETURNS  ok: nothing; then channels, then ids of connections; fewer than there
--          may be only where there are no more
--
-- Not by scans: what begins again each time finds nothing where much was removed.

local OWNED, CONNECTIONS = unpack(KEYS, 1, 2)
local COUNT = unpack(ARGV) -- of each

return reading(function()
  local reply = answer('ok')
  reply[4] = redis.call('SRANDMEMBER', OWNED, COUNT)
  reply[5] = redis.call('HRANDFIELD', CONNECTIONS, COUNT)
  return reply
end)
