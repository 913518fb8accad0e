-- react adds a reaction to a kept message or removes it, and publishes the
-- notice of that.
--
-- KEYS     1-8 as in channel.lua   9 the message's reactions
-- ARGV     1-7 as in channel.lua   8 keep of the notice in ms   9 notice
--          10 message   11 field of the reaction   12 its value; '' to remove
--          13 how many reactions the message may have; 0 any number
-- RETURNS  ok: 1 if changed, id of the notice, when the message expires,
--          time of adding, value; none; full

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local body = redis.call('HGET', BODY, ARGV[10])
local expires = body and tonumber(string.match(body, '^%d+'))
if not expires or (expires > 0 and expires <= NOW) then
  return answer('none')
end
local old = redis.call('HGET', KEYS[9], ARGV[11])
local add = ARGV[12] ~= ''
if (add and old) or (not add and not old) then
  return remember(pack({'', '', text(expires), '', ''}))
end
local most = tonumber(ARGV[13])
if add and most > 0 and redis.call('HLEN', KEYS[9]) >= most then
  return decline('full')
end
local c = open()
local id = publish(c, tonumber(ARGV[8]), ARGV[9], random(1))
local created, value
if add then
  created, value = text(NOW), ARGV[12]
  redis.call('HSET', KEYS[9], ARGV[11], pack({id, created}) .. value)
  if expires > 0 then
    redis.call('PEXPIREAT', KEYS[9], text(expires))
  end
else
  local f = unpack_fields(old)
  created, value = f[2], pack({f[3], f[4]})
  redis.call('HDEL', KEYS[9], ARGV[11])
end
close(c)
return remember(pack({'1', id, text(expires), created, value}))
