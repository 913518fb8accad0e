-- clean removes what has expired in a channel, and sets when to look again.
--
-- KEYS     1-8 as in channel.lua, 9-12 as in entry.lua
-- ARGV     1-7 as in channel.lua
-- RETURNS  ok: 1 if there is more that has expired

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
purge(500)
expire_entries(100)
local next_visit
for _, key in ipairs({EXPIRY, KEY_EXPIRY}) do
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[2] and (not next_visit or tonumber(first[2]) < next_visit) then
    next_visit = tonumber(first[2])
  end
end
if redis.call('EXISTS', STATE) == 1 then
  local c = open()
  c.j = next_visit and time_text(next_visit) or '0'
  c.s = redis.call('EXISTS', ENTRIES)
  if redis.call('EXISTS', ORDER) == 0 then
    c.k = '0'
  end
  close(c)
end
if next_visit then
  redis.call('ZADD', VISITS, text(next_visit), CHANNEL)
else
  redis.call('ZREM', VISITS, CHANNEL)
end
local more = next_visit and next_visit <= NOW
return remember(pack({more and '1' or ''}))
