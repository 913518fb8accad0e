-- renew extends the lease of an incarnation in one partition.
--
-- KEYS     1 operations   2 leases
-- ARGV     1 operation    2 deadline   3 incarnation   4 length in ms
--          5 join for a new one; keep to renew one even if memory is full; prove
--          to renew one only if Redis accepts writes
-- RETURNS  ok: incarnations whose lease has lapsed. stale
--
-- Where memory is full, Redis refuses what needs some as the first write of a
-- script. ZREM needs none, and what follows is let through. Else the leases of
-- all nodes would lapse, and each would end what the others have.

local _, refuse = recall()
if refuse then
  return refuse
end
if ARGV[5] ~= 'join' and not redis.call('ZSCORE', KEYS[2], ARGV[3]) then
  return answer('stale')
end
if ARGV[5] == 'keep' then
  redis.call('ZREM', KEYS[2], ARGV[3])
end
redis.call('ZADD', KEYS[2], text(NOW + tonumber(ARGV[4])), ARGV[3])
return answer('ok', pack(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(NOW))))
