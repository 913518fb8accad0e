-- sweep ends subscriptions of an incarnation whose lease has lapsed, or of one
-- that leaves.
--
-- KEYS     1-8 as in channel.lua, 9-12 as in presence.lua
-- ARGV     1-7 as in channel.lua, 8 as in presence.lua
--          9 how many   10 1 if the incarnation leaves
-- RETURNS  ok: 1 if more are left, then one field for each that ended, as leave
--          in presence.lua; then the members after all that, as in HGETALL.
--          none if the lease has not lapsed

local function with_members(reply)
  reply[4] = redis.call('HGETALL', MEMBERS)
  return reply
end

local seen, refuse = recall()
if seen then
  return with_members(answer('ok', seen))
elseif refuse then
  return refuse
end
local lease = redis.call('ZSCORE', LEASES, INCARNATION)
if lease and tonumber(lease) > NOW and ARGV[10] ~= '1' then
  return answer('none')
end
local c = open()
local left = {''}
-- Of all keys at once there may be very many.
for _, connection in ipairs(redis.call('HRANDFIELD', SUBS, ARGV[9])) do
  left[#left + 1] = pack(leave(c, connection))
end
if redis.call('EXISTS', SUBS) == 1 then
  left[1] = '1'
else
  redis.call('SREM', OWNED, CHANNEL)
end
close(c)
return with_members(remember(pack(left)))
