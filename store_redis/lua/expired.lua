-- expired takes entries whose expiry is to be reported.
--
-- KEYS     1 operations   2 the entries
-- ARGV     1 operation    2 deadline   3 how many
-- RETURNS  ok: the entries, each with its channel in front

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local taken = redis.call('LRANGE', KEYS[2], 0, tonumber(ARGV[3]) - 1)
redis.call('LTRIM', KEYS[2], #taken, -1)
return remember(pack(taken))
