-- subscribe records a connection as a subscriber, and announces the member.
--
-- RETURNS  ok: kind of change, count before and after; then position, what all
--          members count for, and the members as in HGETALL or nil. stale, full

-- IS_COUNTED and JOINS are 1 for a subscription that is counted, and for a member.
-- SIZE is what the member counts for, and MOST what all of them may count for.
local CONNECTION, IS_COUNTED, JOINS, UID, UMD, SIZE, MOST, DIGEST = unpack(ARGV, 10)

-- position is the newest item's id. Where there was no item, it is an id made for
-- that in this history, below all that follow: a client can name it to catch up.
local function position(c)
  if c.newest ~= '' then
    return c.newest
  end
  local now = history()
  if redis.call('HGET', STATE, FLOOR_HISTORY) ~= now then
    c.floor = next_id(c, random(0))
    redis.call('HSET', STATE, FLOOR_HISTORY, now)
  end
  return c.floor
end

local c

return operation(function()
  if not redis.call('ZSCORE', LEASES, INCARNATION) then
    return answer('stale')
  end
  local joins, size = JOINS == '1', tonumber(SIZE)
  c = open()
  local raw = redis.call('HGET', SUBS, CONNECTION)
  local old = raw and unpack_fields(raw)
  local was_uid = old and old[2] == '1' and old[3]
  local m = joins and member(UID)
  -- Another connection of the member may have changed its metadata since.
  local same = m and was_uid == UID and equal(old[4], old[5] or '', UMD, DIGEST)
  if joins and not same then
    local more = size
    if m then
      more = equal(m.umd, m.digest, UMD, DIGEST) and 0 or size - m.size
    end
    if was_uid and was_uid ~= UID then
      local other = member(was_uid)
      if other and other.refs == 1 then
        more = more - other.size
      end
    end
    if more > 0 and c.members_size + more > tonumber(MOST) then
      return decline('full')
    end
  end
  redis.call('HSET', SUBS, CONNECTION, pack({IS_COUNTED, JOINS, UID, UMD, DIGEST}))
  redis.call('SADD', OWNED, CHANNEL)
  local counted_before = c.counted
  if not old then
    c.subscriptions = c.subscriptions + 1
  elseif old[1] == '1' then
    c.counted = c.counted - 1
  end
  if IS_COUNTED == '1' then
    c.counted = c.counted + 1
  end
  local kind = ''
  if was_uid and not (joins and was_uid == UID) then
    kind = drop_member(c, was_uid)
  end
  if joins and not same then
    if m then
      if was_uid ~= UID then
        if m.refs == 0 then
          stay(c, UID)
        end
        m.refs = m.refs + 1
      end
      kind = put_umd(c, UID, m, UMD, DIGEST, size)
    else
      c.last_place = c.last_place + 1
      c.members_size = c.members_size + size
      m = {place = text(c.last_place), refs = 1, size = size, umd = UMD, digest = DIGEST}
      put_member(UID, m)
      announce_member(c, ADDED, CONNECTION, UID, m)
      kind = ADDED
    end
  end
  c.position = position(c)
  tell_count(c)
  close(c)
  return pack({kind, text(counted_before), text(c.counted)})
end, function(reply)
  c = c or open() -- It was subscribed before.
  reply[4] = c.position or (c.newest ~= '' and c.newest or c.floor)
  reply[5] = text(c.members_size)
  with_members(reply, true)
end)
