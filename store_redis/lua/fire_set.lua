-- fire_set writes a scheduled storage entry and removes the schedule.
--
-- KEYS     1-8 as in channel.lua, 9-12 as in entry.lua, 13-15 as in fire.lua
-- ARGV     1-7 as in channel.lua   8 key   9 digest of the value   10 keep in ms
--          11 1 to report its expiry   12 1 to clear   13 the rest of the entry
--          14 id of the schedule   15 its body
-- RETURNS  ok: 1 if changed, the entry, the previous one. none and later as fire_publish

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local refused = take(ARGV[14], ARGV[15])
if refused then
  return answer(refused)
end
local c = open()
local result = set(c, ARGV[8], ARGV[9], tonumber(ARGV[10]), ARGV[11], ARGV[12] == '1', ARGV[13])
close(c)
return remember(pack(result))
