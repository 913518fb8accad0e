-- sweep removes from a channel what is over: subscriptions of an incarnation whose
-- lease has lapsed, or of one that leaves, and members whose grace has ended.
--
-- RETURNS  ok: 1 if more subscriptions are left, then one field for each that ended
--          or member that was removed, as leave in presence.lua; then, if there are
--          any, the members after all that, as in HGETALL or nil. none if the lease
--          has not lapsed

-- COUNT is how many subscriptions at the most, and LEAVES 1 if the incarnation leaves.
-- The next three are as grace_of takes them.
local COUNT, LEAVES, GRACE, TOPIC_OF_NODE, PARTITION = unpack(ARGV, 10, 14)
local UIDS = {unpack(ARGV, 15)} -- of the members

-- expire_member removes a member whose grace has ended, and returns what leave does,
-- without what belongs to a subscription.
local function expire_member(c, uid)
  local ends = redis.call('ZSCORE', LINGERING_MEMBERS, pack({CHANNEL, uid}))
  if not ends or tonumber(ends) > NOW then
    return
  end
  stay(c, uid)
  local m = member(uid)
  -- An older version brings members back, or removes them, and leaves them there.
  if m and m.refs <= 0 then
    remove_member(c, uid, m)
    return {'', uid, '', '', text(c.counted), REMOVED, m.place, m.umd}
  end
end

return operation(function()
  local lease = redis.call('ZSCORE', LEASES, INCARNATION)
  if lease and tonumber(lease) > NOW and LEAVES ~= '1' then
    return answer('none')
  end
  local c, grace = open(), grace_of(GRACE, TOPIC_OF_NODE, PARTITION)
  local left = {''}
  -- Of all keys at once there may be very many.
  for _, connection in ipairs(redis.call('HRANDFIELD', SUBS, COUNT)) do
    left[#left + 1] = pack(leave(c, connection, grace))
  end
  for _, uid in ipairs(UIDS) do
    local gone = expire_member(c, uid)
    left[#left + 1] = gone and pack(gone)
  end
  if redis.call('EXISTS', SUBS) == 1 then
    left[1] = '1'
  else
    redis.call('SREM', OWNED, CHANNEL)
  end
  tell_count(c)
  close(c)
  return pack(left)
end, function(reply, record)
  with_members(reply, #unpack_fields(record) > 1)
end)
