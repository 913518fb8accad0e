-- sweep ends subscriptions of an incarnation whose lease has lapsed, or of one
-- that leaves.
--
-- RETURNS  ok: 1 if more are left, then one field for each that ended, as leave
--          in presence.lua; then the members after all that, as in HGETALL or
--          nil. none if the lease has not lapsed

-- COUNT is how many at the most, and LEAVES 1 if the incarnation leaves. The others are
-- as grace_of takes them.
local COUNT, LEAVES, GRACE, TOPIC_OF_NODE, PARTITION = unpack(ARGV, 10)

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
  if redis.call('EXISTS', SUBS) == 1 then
    left[1] = '1'
  else
    redis.call('SREM', OWNED, CHANNEL)
  end
  tell_count(c)
  close(c)
  return pack(left)
end, function(reply)
  with_members(reply, true)
end)
