-- history reads a page of kept messages.
--
-- KEYS     1 order   2 bodies
-- ARGV     1 lower bound   2 upper bound (both as in ZRANGEBYLEX)
--          3 1 for newest first   4 how many
-- RETURNS  ok: nothing; then a list of id, body

local ids
if ARGV[3] == '1' then
  ids = redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[2], ARGV[1], 'LIMIT', 0, ARGV[4])
else
  ids = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[4])
end
local flat = {}
if #ids > 0 then
  for i, body in ipairs(redis.call('HMGET', KEYS[2], unpack(ids))) do
    flat[#flat + 1], flat[#flat + 2] = ids[i], body or ''
  end
end
local reply = answer('ok')
reply[4] = flat
return reply
