-- disconnect removes connections: one of this node, or those of an incarnation
-- whose lease has lapsed.
--
-- RETURNS  ok: id, info of each that was there. none if the lease has not lapsed

local CONNECTIONS, LEASES = unpack(KEYS, 2)
local INCARNATION, MUST_HAVE_LAPSED = unpack(ARGV, 3, 4) -- 1 if it must
local IDS = {unpack(ARGV, 5)}

return operation(function()
  if MUST_HAVE_LAPSED == '1' then
    local lease = redis.call('ZSCORE', LEASES, INCARNATION)
    if lease and tonumber(lease) > NOW then
      return answer('none')
    end
  end
  local gone = {}
  for _, id in ipairs(IDS) do
    local info = redis.call('HGET', CONNECTIONS, id)
    if info then
      redis.call('HDEL', CONNECTIONS, id)
      gone[#gone + 1], gone[#gone + 2] = id, info
    end
  end
  return pack(gone)
end)
