-- read reads fields of a hash together with the clock.
--
-- KEYS     1 hash
-- ARGV     the fields
-- RETURNS  ok: nothing; then a list of the values, '' for one that is missing

local values = {}
if #ARGV > 0 then
  for i, v in ipairs(redis.call('HMGET', KEYS[1], unpack(ARGV))) do
    values[i] = v or ''
  end
end
local reply = answer('ok')
reply[4] = values
return reply
