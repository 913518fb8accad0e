-- read reads fields of a hash together with the clock.
--
-- RETURNS  ok: nothing; then a list of the values, '' for one that is missing

local HASH = unpack(KEYS, 1, 1)
local FIELDS = {unpack(ARGV)}

return reading(function()
  local values = {}
  if #FIELDS > 0 then
    for i, value in ipairs(redis.call('HMGET', HASH, unpack(FIELDS))) do
      values[i] = value or ''
    end
  end
  local reply = answer('ok')
  reply[4] = values
  return reply
end)
