-- disconnect removes connections: one of this node, or those of an incarnation
-- whose lease has lapsed.
--
-- KEYS     1 operations   2 the incarnation's connections   3 leases
-- ARGV     1 operation    2 deadline   3 incarnation
--          4 1 if the lease must have lapsed   5... connections
-- RETURNS  ok: id, info of each that was there. none if the lease has not lapsed

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
if ARGV[4] == '1' then
  local lease = redis.call('ZSCORE', KEYS[3], ARGV[3])
  if lease and tonumber(lease) > NOW then
    return answer('none')
  end
end
local gone = {}
for i = 5, #ARGV do
  local info = redis.call('HGET', KEYS[2], ARGV[i])
  if info then
    redis.call('HDEL', KEYS[2], ARGV[i])
    gone[#gone + 1], gone[#gone + 2] = ARGV[i], info
  end
end
return remember(pack(gone))
