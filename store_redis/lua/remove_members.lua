-- remove_members removes members of a channel whose grace is over.
--
-- RETURNS  ok: nothing, then one field for each that was removed, as leave in
--          presence.lua, without what belongs to a subscription; then the members
--          after all that, as in HGETALL or nil

local UIDS = {unpack(ARGV, 10)}

return operation(function()
  local c = open()
  local left = {''}
  for _, uid in ipairs(UIDS) do
    local over = redis.call('ZSCORE', LINGERING_MEMBERS, pack({CHANNEL, uid}))
    if over and tonumber(over) <= NOW then
      stay(c, uid)
      local m = member(uid)
      -- An older version brings members back, or removes them, and leaves them there.
      if m and m.refs <= 0 then
        remove_member(c, uid, m)
        left[#left + 1] = pack({'', uid, '', '', text(c.counted), REMOVED, m.place, m.umd})
      end
    end
  end
  close(c)
  return pack(left)
end, function(reply, record)
  with_members(reply, #unpack_fields(record) > 1)
end)
