-- leases reads who is a member of a partition.
--
-- RETURNS  ok: nothing; then the incarnations whose lease has not lapsed

local LEASES = unpack(KEYS, 1, 1)

return reading(function()
  local reply = answer('ok')
  reply[4] = redis.call('ZRANGEBYSCORE', LEASES, '(' .. text(NOW), '+inf')
  return reply
end)
