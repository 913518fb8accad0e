-- info describes a channel.
--
-- RETURNS  ok: count; then the members as in HGETALL

local STATE, MEMBERS = unpack(KEYS, 1, 2)

return reading(function()
  local reply = answer('ok', pack({redis.call('HGET', STATE, COUNTED) or '0'}))
  reply[4] = redis.call('HGETALL', MEMBERS)
  return reply
end)
