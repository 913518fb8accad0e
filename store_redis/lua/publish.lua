-- publish appends a message to a channel and delivers it, unless a message with
-- the same deduplication id was published before.
--
-- KEYS     1-8 as in channel.lua; of 4-8 only as many as are needed
--          9 deduplication (only if ARGV[10] > 0)
-- ARGV     1-7 as in channel.lua   8 keep in ms   9 message
--          10 for how long to deduplicate, in ms; 0 not at all
-- RETURNS  ok: id, 1 if it is a duplicate

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local dedup = tonumber(ARGV[10])
if dedup > 0 then
  local first = redis.call('GET', KEYS[9])
  if first then
    return remember(pack({first, '1'}))
  end
end
local c = open()
local id = publish(c, tonumber(ARGV[8]), ARGV[9])
if dedup > 0 then
  redis.call('SET', KEYS[9], id, 'PX', ARGV[10])
end
close(c)
return remember(pack({id, ''}))
