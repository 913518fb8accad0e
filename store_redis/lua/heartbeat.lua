-- heartbeat renews a node's lease in the first partition, and tells which nodes
-- share the work. Who has not renewed its lease in half of its length does not.
--
-- KEYS     1 operations   2 leases   3 incarnations that fire schedules, as leases
-- ARGV     1 operation    2 deadline   3 incarnation   4 length in ms
--          5 1 if it fires schedules   6 topic on which to tell the nodes
-- RETURNS  ok: until when the lease was before, and until when it is now; then the
--          incarnations at work, then those of them that fire schedules. stale

local _, refuse = recall()
if refuse then
  return refuse
end
local before = redis.call('ZSCORE', KEYS[2], ARGV[3])
if not before then
  return answer('stale')
end
local length = tonumber(ARGV[4])
local expires = text(NOW + length)
-- A full memory refuses nothing that follows a removal: see renew.lua.
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('ZADD', KEYS[2], expires, ARGV[3])
for i = 2, 3 do -- Leases that are too long are cut, as in renew.lua.
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], '(' .. expires, '+inf', 'LIMIT', 0, 100)) do
    redis.call('ZADD', KEYS[i], expires, other)
  end
end
if ARGV[5] == '1' then
  redis.call('ZADD', KEYS[3], expires, ARGV[3])
elseif redis.call('ZREM', KEYS[3], ARGV[3]) == 1 then
  redis.call('PUBLISH', ARGV[6], 'heartbeat')
end
local lapsed = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(NOW), 'LIMIT', 0, 100)
if #lapsed > 0 then
  redis.call('ZREM', KEYS[3], unpack(lapsed))
end
local reply = answer('ok', pack({before, expires}))
for i = 2, 3 do
  reply[i + 2] = redis.call('ZRANGEBYSCORE', KEYS[i], '(' .. text(NOW + length / 2), '+inf')
end
return reply
