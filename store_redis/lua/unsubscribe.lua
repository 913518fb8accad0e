-- unsubscribe ends a subscription and announces the member's leaving.
--
-- RETURNS  ok: as leave in presence.lua; then, if a member left, the members
--          as in HGETALL or nil. none

local CONNECTION, GRACE, TOPIC_OF_NODE, PARTITION = unpack(ARGV, 10) -- the last three as grace_of takes them

return operation(function()
  seek(CONNECTION)
  local c = open()
  local left = leave(c, CONNECTION, grace_of(GRACE, TOPIC_OF_NODE, PARTITION))
  if not left then
    return decline('none')
  end
  tell_count(c)
  close(c)
  return pack(left)
end, function(reply, record)
  with_members(reply, unpack_fields(record)[6] ~= '')
end)
