-- update replaces the metadata of a subscription, and of its member.
--
-- KEYS     1-8 as in channel.lua, 9-12 as in presence.lua
-- ARGV     1-7 as in channel.lua, 8 as in presence.lua   9 connection   10 umd
--          11 what the member counts for   12 what all of them may count for
--          13 digest of umd   14 1 if the members are wanted
-- RETURNS  ok: kind of change, uid; then, if there was one, the members as in
--          HGETALL. none, full

local function with_members(reply, kind)
  reply[4] = {}
  if kind ~= '' and ARGV[14] == '1' then
    reply[4] = redis.call('HGETALL', MEMBERS)
  end
  return reply
end

local seen, refuse = recall()
if seen then
  return with_members(answer('ok', seen), unpack_fields(seen)[1])
elseif refuse then
  return refuse
end
seek(ARGV[9])
local raw = redis.call('HGET', SUBS, ARGV[9])
if not raw then
  return decline('none')
end
local s = unpack_fields(raw)
local uid, umd, size, digest = s[3], ARGV[10], tonumber(ARGV[11]), ARGV[13]
local c = open()
local m = s[2] == '1' and member(uid)
if m and size > m.size and not equal(m.umd, m.digest, umd, digest) and c.b + size - m.size > tonumber(ARGV[12]) then
  return decline('full')
end
redis.call('HSET', SUBS, ARGV[9], pack({s[1], s[2], uid, umd, digest}))
local kind = ''
if m then
  kind = put_umd(c, uid, m, umd, digest, size)
end
close(c)
return with_members(remember(pack({kind, uid})), kind)
