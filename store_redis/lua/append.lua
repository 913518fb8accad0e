-- append adds to the data of kept messages, and publishes the notices of that.
--
-- KEYS     of each: the state, the log, the order and the bodies of its channel
-- ARGV     of each: its notice, what the log has of that after the position, the message,
--          its version or 0 for any, what is added, how many bytes before the end of the
--          data that is, and the new state of the stream or ''
-- RETURNS  ok: id of the notice, the new version, subscriptions that are counted.
--          none, other; later: others have taken this run long enough
--
-- The log has of an append where in the message's data it is, so that nothing must be
-- taken out when the message is updated or deleted: see appended in items.lua.

-- No further message is read in one run when those before have so many bytes together: a
-- megabyte takes a millisecond or two, and Redis does nothing else meanwhile.
local MOST_READ = 1000000
local bytes = 0

local function keys()
  return 4
end

-- An addition gets no longer than this, which is read and written each time.
local MOST_ADDED = 512

-- Besides what publishing needs of the state.
READ[#READ + 1], READ[#READ + 2] = ERASED_TO, COUNTED

-- add makes what becomes of the addition of a message, and returns how often the message is
-- edited then, where what is added begins, and a function that makes the addition; nil if
-- there is none, or it does not go on here, or may not.
local function add(id, version, data, tail)
  local addition = redis.call('HGET', BODIES, addition_of(id))
  if not addition or #addition + #data > MOST_ADDED then
    return nil
  end
  local expires, updates, _, rest, head, behind, from = string.match(addition, ADDITION)
  if (expires ~= '0' and expires <= NOW_TEXT) or (version ~= '0' and tonumber(version) ~= updates + 1) or behind ~= tail then
    return nil
  end
  updates = text(updates + 1)
  return updates, text(head + #addition + 1 - from), function(notice)
    redis.call('HSET', BODIES, addition_of(id), expires .. ' ' .. updates .. ' ' .. notice .. string.sub(addition, rest) .. data)
  end
end

-- write makes the same of the message itself.
local function write(id, newest_erased, version, data, tail, stream)
  local m, status = find(id, newest_erased, version)
  if not m then
    return nil, status
  end
  bytes = bytes + #m.body
  local at = m.to - m.from - tail
  if at < 0 then
    return nil, 'other'
  end
  local updates = text(m.updates + 1)
  return updates, text(at), function(notice)
    local body = edited(m, updates, notice, at, data, tail, stream ~= '' and stream or m.stream, m.replaced, m.replaced_by)
    if stream == '' and m.stream ~= '' then
      redis.call('HSET', BODIES, id, body .. PARTED, addition_of(id),
        m.expires .. ' ' .. updates .. ' ' .. notice .. ' ' .. at + #data .. ' ' .. tail .. ' ')
    else
      redis.call('HSET', BODIES, id, body)
      redis.call('HDEL', BODIES, addition_of(id))
    end
  end
end

local function append_to(operation, _, notice, logged, id, version, data, tail, stream)
  if bytes > MOST_READ then
    return answer('later')
  end
  local state = look().hot
  local newest_erased, counted = state[#READ - 1] or '', state[#READ] or '0'
  local updates, at, save
  if stream == '' and id > newest_erased then
    updates, at, save = add(id, version, data, tail)
  end
  if not updates then
    updates, at, save = write(id, newest_erased, version, data, tail, stream)
  end
  if not updates then
    return answer(at)
  end
  local noticed = publish(open_once(), 0, notice, operation, pack({'A', id, updates, at}) .. logged)
  save(noticed)
  return pack({noticed, text(updates + 1), counted})
end

return batch(7, keys, append_to)
