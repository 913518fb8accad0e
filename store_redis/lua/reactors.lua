-- reactors reads a page of the reactions to a message.
--
-- KEYS     1-3 as in reactions.lua
-- ARGV     1 id of a reaction to begin after, or ''   2 how many   3 how many bytes
--          the answer may have
-- RETURNS  ok: 1 if there are more; then a list of field, record in turn

local after, count, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local members
if counted(KEYS[1], KEYS[3]) then
  local low = after == '' and '-' or '(' .. after .. '\255'
  members = redis.call('ZRANGEBYLEX', KEYS[2], low, '+', 'LIMIT', 0, count + 1)
else
  members = {}
  for _, member in ipairs((recount(KEYS[1]))) do
    if string.sub(member, 1, 30) > after and #members <= count then
      members[#members + 1] = member
    end
  end
end
local flat, size, more = {}, 0, ''
for i, member in ipairs(members) do
  local field = string.sub(member, 31)
  local record = redis.call('HGET', KEYS[1], field)
  size = size + #field + #record
  if i > count or (i > 1 and size > most) then
    more = '1'
    break
  end
  flat[#flat + 1], flat[#flat + 2] = field, record
end
local reply = answer('ok', pack({more}))
reply[4] = flat
return reply
