-- expired takes entries whose expiry is to be reported.
--
-- KEYS     1 operations   2 the entries
-- ARGV     1 operation    2 deadline   3 how many   4 how many bytes, if that is
--          more than one
-- RETURNS  ok: the entries, each with its channel in front

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local count, most, taken, size = tonumber(ARGV[3]), tonumber(ARGV[4]), {}, 0
while #taken < count do
  local entry = redis.call('LRANGE', KEYS[2], #taken, #taken)[1]
  if not entry or (#taken > 0 and size + #entry > most) then
    break
  end
  taken[#taken + 1], size = entry, size + #entry
end
redis.call('LTRIM', KEYS[2], #taken, -1)
return remember(pack(taken))
