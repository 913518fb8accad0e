-- keys reads a page of the keys of storage entries.
--
-- RETURNS  ok: nothing; then a list of keys

local KEY_ORDER = unpack(KEYS, 1, 1)
local LOW, HIGH, COUNT = unpack(ARGV) -- bounds as in ZRANGEBYLEX, and how many

return reading(function()
  local reply = answer('ok')
  reply[4] = redis.call('ZRANGEBYLEX', KEY_ORDER, LOW, HIGH, 'LIMIT', 0, COUNT)
  return reply
end)
