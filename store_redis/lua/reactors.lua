-- reactors reads a page of the reactions to a message.
--
-- RETURNS  ok: 1 if there are more; then a list of field, record in turn

local RECORDS, RECORD_ORDER, COUNTS, STATE = unpack(KEYS, 1, 4)
local AFTER, COUNT, BYTES = unpack(ARGV) -- id of the reaction to begin after, or ''; how many at the most

return reading(function()
  local count, most = tonumber(COUNT), tonumber(BYTES)
  local members
  if message_of(RECORDS) <= erased_to(STATE) then
    members = {}
  elseif counted(RECORDS, COUNTS) then
    local low = AFTER == '' and '-' or '(' .. AFTER .. '\255'
    members = redis.call('ZRANGEBYLEX', RECORD_ORDER, low, '+', 'LIMIT', 0, count + 1)
  else
    members = {}
    for _, member in ipairs((recount(RECORDS))) do
      if string.sub(member, 1, 30) > AFTER and #members <= count then
        members[#members + 1] = member
      end
    end
  end
  local flat, size, more = {}, 0, ''
  for i, member in ipairs(members) do
    local field = string.sub(member, 31)
    local record = redis.call('HGET', RECORDS, field)
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
end)
