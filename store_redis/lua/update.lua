-- update replaces the metadata of a subscription, and of its member.
--
-- RETURNS  ok: kind of change, uid; then, if there was one, the members as in
--          HGETALL or nil. none, full

-- SIZE is what the member counts for with that, and MOST what all may count for.
local CONNECTION, UMD, SIZE, MOST, DIGEST = unpack(ARGV, 10)

return operation(function()
  seek(CONNECTION)
  local raw = redis.call('HGET', SUBS, CONNECTION)
  if not raw then
    return decline('none')
  end
  local counted, joined, uid = unpack(unpack_fields(raw))
  local size = tonumber(SIZE)
  local c = open()
  local m = joined == '1' and member(uid)
  if m and size > m.size and not equal(m.umd, m.digest, UMD, DIGEST) and c.members_size + size - m.size > tonumber(MOST) then
    return decline('full')
  end
  redis.call('HSET', SUBS, CONNECTION, pack({counted, joined, uid, UMD, DIGEST}))
  local kind = ''
  if m then
    kind = put_umd(c, uid, m, UMD, DIGEST, size)
  end
  close(c)
  return pack({kind, uid})
end, function(reply, record)
  with_members(reply, unpack_fields(record)[1] ~= '')
end)
