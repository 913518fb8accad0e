-- edit updates, appends to or deletes a kept message, and publishes the notice of that.
--
-- RETURNS  ok: id of the notice, the new version or 0, subscriptions that are counted.
--          none, other
--
-- What is edited away leaves its id, with those of the items before it, where readers
-- find it that would miss it: the message if it is deleted, and the notice of the
-- update before. The log has of an append where in the message's data it is, so that
-- nothing must be taken out: see appended in items.lua.

local ERASED, RECORDS, RECORD_ORDER, COUNTS = unpack(KEYS, 9, 12)
-- An update puts the version between the notice's data and its END, an append DATA.
-- IF_VERSION is 0 for any; DELETE is 1 to delete. TAIL is how many bytes before the end
-- of the data an append is, '' for an update; STREAM is '' to leave it.
local NOTICE, END, MESSAGE, IF_VERSION, DELETE, DATA, TAIL, STREAM = unpack(ARGV, 8, 15)

-- The fields of a message's record. Two more say who sent it, if FIELD_META is 1, and
-- then come the ones at its end, as in codec.go.
local FIELD_DATA, FIELD_META = 4, 6
-- Of those at the end, counted from what comes before. What was appended to is newer
-- than its newest update, or has none: REPLACED is how often it had been edited when an
-- update replaced the data, and REPLACED_BY the notice of that. Of other messages, these
-- are UPDATES and UPDATED, and so are not there.
local UPDATES, UPDATED, STREAM_OF, REPLACED, REPLACED_BY = 3, 4, 5, 6, 7

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
  local body = redis.call('HGET', BODIES, MESSAGE)
  if not body or MESSAGE <= (redis.call('HGET', STATE, ERASED_TO) or '') then
    return answer('none')
  end
  local expires, before, item = string.match(body, '^(%d+) (%S*) (.*)$')
  if expires ~= '0' and expires <= NOW_TEXT then
    return answer('none')
  end
  local record = unpack_fields(item)
  local last = FIELD_META + (record[FIELD_META] == '1' and 2 or 0)
  local updates = tonumber(record[last + UPDATES]) or 0
  local replaced = record[last + REPLACED] or text(updates)
  local replaced_by = record[last + REPLACED_BY] or record[last + UPDATED] or ''
  local stream = STREAM ~= '' and STREAM or record[last + STREAM_OF] or ''
  if IF_VERSION ~= '0' and tonumber(IF_VERSION) ~= updates + 1 then
    return answer('other')
  end
  local at = TAIL ~= '' and #record[FIELD_DATA] - tonumber(TAIL)
  if at and at < 0 then
    return answer('other')
  end

  local c = open()
  local notice, logged = NOTICE, nil
  if DELETE ~= '1' then
    updates = updates + 1
    notice = unpack_fields(notice)
    notice[FIELD_DATA] = notice[FIELD_DATA] .. (at and DATA or text(updates + 1)) .. END
    notice = pack(notice)
  end
  if at then
    logged = pack({'A', MESSAGE, text(updates), text(at), text(#DATA), NOTICE, END})
  end
  local id = publish(c, 0, notice, random(1), logged)
  if not at and replaced_by ~= '' then
    erase(replaced_by)
  end
  if DELETE == '1' then
    erase(MESSAGE, before)
    redis.call('HDEL', BODIES, MESSAGE)
    redis.call('ZREM', ORDER, MESSAGE)
    redis.call('ZREM', EXPIRY, MESSAGE)
    redis.call('UNLINK', RECORDS, RECORD_ORDER, COUNTS)
    if redis.call('EXISTS', ORDER) == 0 then
      c.kept_expires = '0'
    end
  else
    local data = record[FIELD_DATA]
    record[FIELD_DATA] = at and string.sub(data, 1, at) .. DATA .. string.sub(data, at + 1) or DATA
    for i = #record + 1, last + 2 do
      record[i] = ''
    end
    record[last + UPDATES], record[last + UPDATED] = text(updates), id
    record[last + STREAM_OF] = (at or stream ~= '') and stream or nil
    record[last + REPLACED], record[last + REPLACED_BY] = at and replaced or nil, at and replaced_by or nil
    redis.call('HSET', BODIES, MESSAGE, expires .. ' ' .. before .. ' ' .. pack(record))
  end
  if not at then
    forget()
  end
  close(c)
  return pack({id, DELETE == '1' and '0' or text(updates + 1), text(c.counted)})
end)
