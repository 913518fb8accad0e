-- owned reads what an incarnation holds in a partition.
--
-- KEYS     1 channels that it is subscribed to   2 its connections
-- ARGV     1 how many of each
-- RETURNS  ok: nothing; then channels, then ids of connections

local reply = answer('ok')
reply[4] = redis.call('SSCAN', KEYS[1], '0', 'COUNT', ARGV[1])[2]
local flat = redis.call('HSCAN', KEYS[2], '0', 'COUNT', ARGV[1])[2]
local ids = {}
for i = 1, #flat, 2 do
  ids[#ids + 1] = flat[i]
end
reply[5] = ids
return reply
