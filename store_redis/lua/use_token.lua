-- use_token notes the use of a token.
--
-- RETURNS  ok: 1 if this was the first use

local TOKEN = unpack(KEYS, 2)
local KEEP = unpack(ARGV, 3) -- in ms

return operation(function()
  local first = redis.call('SET', TOKEN, '1', 'NX', 'PX', KEEP)
  return pack({first and '1' or ''})
end)
