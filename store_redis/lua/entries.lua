-- entries reads a page of storage entries by key.
--
-- KEYS     1 entries   2 order of their keys
-- ARGV     1 lower bound as in ZRANGEBYLEX   2 how many
-- RETURNS  ok: nothing; then a list of key, entry

local keys = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
local flat = {}
if #keys > 0 then
  for i, entry in ipairs(redis.call('HMGET', KEYS[1], unpack(keys))) do
    flat[#flat + 1], flat[#flat + 2] = keys[i], entry or ''
  end
end
local reply = answer('ok')
reply[4] = flat
return reply
