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

local function append_to(operation, _, notice, logged, id, version, data, tail, stream)
  if bytes > MOST_READ then
    return answer('later')
  end
  local was = redis.call('HMGET', STATE, ERASED_TO, COUNTED)
  local m, status = find(id, was[1] or '', version)
  if not m then
    return answer(status)
  end
  bytes, tail = bytes + #m.body, tonumber(tail)
  local head = m.to - m.from - tail
  if head < 0 then
    return answer('other')
  end
  logged = pack({'A', id, text(m.updates + 1), text(head)}) .. logged
  local noticed = publish(open_once(), 0, notice, operation, logged)
  save(m, noticed, head, data, tail, stream ~= '' and stream or m.stream, m.replaced, m.replaced_by)
  return pack({noticed, text(m.updates + 2), was[2] or '0'})
end

return batch(7, keys, append_to)
