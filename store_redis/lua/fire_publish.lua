-- fire_publish publishes a scheduled message and removes the schedule.
--
-- KEYS     1-8 as in channel.lua   9 deduplication, 13-15 as in fire.lua
-- ARGV     1-7 as in channel.lua   8 keep in ms   9 message
--          10 for how long to deduplicate, in ms; 0 not at all
--          11 id of the schedule   12 its body
-- RETURNS  ok: id, 1 if it is a duplicate. none if the schedule is not there, not
--          due or another by now. later if one of the channel comes before it

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local refused = take(ARGV[11], ARGV[12])
if refused then
  return answer(refused)
end
local dedup = tonumber(ARGV[10])
if dedup > 0 then
  local first = redis.call('GET', KEYS[9])
  if first then
    return remember(pack({first, '1'}))
  end
end
local c = open()
local id = publish(c, tonumber(ARGV[8]), ARGV[9], random(1))
if dedup > 0 then
  redis.call('SET', KEYS[9], id, 'PX', ARGV[10])
end
close(c)
return remember(pack({id, ''}))
