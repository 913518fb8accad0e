-- renew extends leases, each of an incarnation in one partition.
--
-- KEYS     1 operations   2... leases of the partitions
-- ARGV     1 operation    2 deadline   3 length in ms
--          4 join for a new one; keep to renew one even if memory is full; test
--          to renew one only if Redis accepts writes   5... the incarnations
-- RETURNS  ok: for each, until when it was before and until when it is now, 0 for
--          none
--
-- Where memory is full, Redis refuses what needs some as the first write of a
-- script. ZREM needs none, and what follows is let through. Else the leases of
-- all nodes would lapse, and each would end what the others have.
--
-- A lease that is longer than one that begins now is by the clock of another
-- server, or from before the clock was set back. It is cut: if its node lives, it
-- is renewed in time.

local _, refuse = recall()
if refuse then
  return refuse
end
local expires, results = text(NOW + tonumber(ARGV[3])), {}
for i = 2, #KEYS do
  local incarnation = ARGV[i + 3]
  local before = redis.call('ZSCORE', KEYS[i], incarnation)
  local now = '0'
  if before or ARGV[4] == 'join' then
    if ARGV[4] == 'keep' then
      redis.call('ZREM', KEYS[i], incarnation)
    end
    redis.call('ZADD', KEYS[i], expires, incarnation)
    for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], '(' .. expires, '+inf', 'LIMIT', 0, 100)) do
      redis.call('ZADD', KEYS[i], expires, other)
    end
    now = expires
  end
  results[#results + 1], results[#results + 2] = before or '0', now
end
return answer('ok', pack(results))
