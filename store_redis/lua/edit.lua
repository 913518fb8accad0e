-- edit updates or deletes a kept message, and publishes the notice of that.
--
-- RETURNS  ok: id of the notice, the new version or 0, subscriptions that are counted.
--          none, other
--
-- What is edited away leaves its id, with those of the items before it, where readers
-- find it that would miss it: the message if it is deleted, and the notice of the
-- update before.

local ERASED, RECORDS, RECORD_ORDER, COUNTS = unpack(KEYS, 9, 12)
-- An update puts the version between the notice's data and its END. IF_VERSION is 0 for
-- any; DELETE is 1 to delete. STREAM is '' to leave it.
local NOTICE, END, MESSAGE, IF_VERSION, DELETE, DATA, STREAM = unpack(ARGV, 8, 14)
local FIELD_DATA = 4 -- of the notice, as in codec.go

-- still_there returns the id of an item of the log, or if that was erased the one before
-- it there.
local function still_there(id)
  local found = id ~= '' and redis.call('ZRANGEBYLEX', ERASED, '[' .. id, '(' .. id .. '~', 'LIMIT', 0, 1)[1]
  return found and string.match(found, '^[^,]*,[^,]*,(.*)$') or id
end

-- erase takes an item out of the log. One that the log has discarded is left out, if
-- the item before it is not given, for the log knows it as such. The item before it in
-- the log is one that is there, so that the oldest of many that were erased can be
-- forgotten.
local function erase(id, before)
  local entry = redis.call('XRANGE', LOG, id, id)[1]
  if entry then
    redis.call('XDEL', LOG, entry[1])
    redis.call('ZADD', ERASED, 0, id .. ',' .. entry[2][2] .. ',' .. still_there(entry[2][4]))
  elseif before then
    redis.call('ZADD', ERASED, 0, id .. ',' .. before)
  end
end

-- forget forgets the oldest of too many that were erased.
local function forget()
  local excess = redis.call('ZCARD', ERASED) - tonumber(LIMIT)
  if excess > 0 then
    redis.call('ZREM', ERASED, unpack(redis.call('ZRANGE', ERASED, 0, math.min(excess, 100) - 1)))
  end
  expire_at(ERASED, STATE_END)
end

return operation(function()
  local m, status = find(MESSAGE, redis.call('HGET', STATE, ERASED_TO) or '', IF_VERSION)
  if not m then
    return answer(status)
  end
  local c = open()
  local notice, version = NOTICE, 0
  if DELETE ~= '1' then
    version = m.updates + 2
    notice = unpack_fields(notice)
    notice[FIELD_DATA] = notice[FIELD_DATA] .. text(version) .. END
    notice = pack(notice)
  end
  local id = publish(c, 0, notice, random(1))
  if m.replaced_by ~= '' then
    erase(m.replaced_by)
  end
  if DELETE == '1' then
    erase(MESSAGE, m.before)
    redis.call('HDEL', BODIES, MESSAGE, addition_of(MESSAGE))
    redis.call('ZREM', ORDER, MESSAGE)
    redis.call('ZREM', EXPIRY, MESSAGE)
    redis.call('UNLINK', RECORDS, RECORD_ORDER, COUNTS)
    if redis.call('EXISTS', ORDER) == 0 then
      c.kept_expires = '0'
    end
  else
    local stream = STREAM ~= '' and STREAM or m.stream
    redis.call('HSET', BODIES, MESSAGE, edited(m, text(m.updates + 1), id, 0, DATA, 0, stream ~= '' and stream or nil))
    redis.call('HDEL', BODIES, addition_of(MESSAGE))
  end
  forget()
  close(c)
  return pack({id, text(version), text(c.counted)})
end)
