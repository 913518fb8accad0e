-- connect records a connection of an incarnation.
--
-- KEYS     1 operations   2 its connections   3 leases
-- ARGV     1 operation    2 deadline   3 incarnation   4 connection   5 its info
-- RETURNS  ok: nothing. stale

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
elseif not redis.call('ZSCORE', KEYS[3], ARGV[3]) then
  return answer('stale')
end
redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
return remember('')
