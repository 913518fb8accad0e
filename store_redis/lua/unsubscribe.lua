-- unsubscribe ends a subscription and announces the member's leaving.
--
-- KEYS     1-8 as in channel.lua, 9-12 as in presence.lua
-- ARGV     1-7 as in channel.lua, 8 as in presence.lua   9 connection
--          10 1 if the members are wanted
-- RETURNS  ok: as leave in presence.lua; then, if a member left, the members
--          as in HGETALL if they are wanted. none

local function with_members(reply, kind)
  reply[4] = {}
  if kind ~= '' and ARGV[10] == '1' then
    reply[4] = redis.call('HGETALL', MEMBERS)
  end
  return reply
end

local seen, refuse = recall()
if seen then
  return with_members(answer('ok', seen), unpack_fields(seen)[6])
elseif refuse then
  return refuse
end
seek(ARGV[9])
local c = open()
local left = leave(c, ARGV[9])
if not left then
  return decline('none')
end
close(c)
return with_members(remember(pack(left)), left[6])
