-- renew extends the lease of an incarnation in one partition.
--
-- KEYS     1 operations   2 leases
-- ARGV     1 operation    2 deadline   3 incarnation   4 length in ms
--          5 1 if it is a new one
-- RETURNS  ok: incarnations whose lease has lapsed. stale

local _, refuse = recall()
if refuse then
  return refuse
end
if ARGV[5] ~= '1' and not redis.call('ZSCORE', KEYS[2], ARGV[3]) then
  return answer('stale')
end
redis.call('ZADD', KEYS[2], text(NOW + tonumber(ARGV[4])), ARGV[3])
return answer('ok', pack(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(NOW))))
