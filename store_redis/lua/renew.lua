-- renew extends the lease of an incarnation in one partition.
--
-- KEYS     1 operations   2 leases
-- ARGV     1 operation    2 deadline   3 incarnation   4 length in ms
--          5 join for a new one; keep to renew one even if memory is full; prove
--          to renew one only if Redis accepts writes
-- RETURNS  ok: until when it was before, 0 if there was none, and until when it
--          is now. stale
--
-- Where memory is full, Redis refuses what needs some as the first write of a
-- script. ZREM needs none, and what follows is let through. Else the leases of
-- all nodes would lapse, and each would end what the others have.

local _, refuse = recall()
if refuse then
  return refuse
end
local before = redis.call('ZSCORE', KEYS[2], ARGV[3])
if ARGV[5] ~= 'join' and not before then
  return answer('stale')
end
if ARGV[5] == 'keep' then
  redis.call('ZREM', KEYS[2], ARGV[3])
end
local expires = text(NOW + tonumber(ARGV[4]))
redis.call('ZADD', KEYS[2], expires, ARGV[3])
return answer('ok', pack({before or '0', expires}))
