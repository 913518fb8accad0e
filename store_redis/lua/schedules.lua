-- schedules reads schedules by time, and by id within a millisecond.
--
-- RETURNS  ok: 1 if it stopped for the bytes; then a list of id, due in ms, body

local BY_TIME, BODIES = unpack(KEYS, 1, 2)
-- COUNT is how many, BYTES how many bytes of bodies, or the first body whatever its
-- length; 0 for no bodies. AFTER_DUE in ms and AFTER_ID are of the one to start after,
-- both '' for the first.
local COUNT, BYTES, AFTER_DUE, AFTER_ID = unpack(ARGV)

-- place returns how many come up to the one to start after. It is found by halving,
-- whether that is still there or not.
local function place()
  local from, to = 0, 0
  if AFTER_ID ~= '' then
    to = redis.call('ZCARD', BY_TIME)
  end
  while from < to do
    local middle = math.floor((from + to) / 2)
    local found = redis.call('ZRANGE', BY_TIME, text(middle), text(middle), 'WITHSCORES')
    local due, after = tonumber(found[2]), tonumber(AFTER_DUE)
    if due < after or (due == after and found[1] <= AFTER_ID) then
      from = middle + 1
    else
      to = middle
    end
  end
  return from
end

return reading(function()
  local from, most = place(), tonumber(BYTES)
  local found = redis.call('ZRANGE', BY_TIME, text(from), text(from + tonumber(COUNT) - 1), 'WITHSCORES')
  local flat, bytes, stopped = {}, 0, ''
  for i = 1, #found, 2 do
    local body = most > 0 and redis.call('HGET', BODIES, found[i]) or ''
    bytes = bytes + #body
    if i > 1 and bytes > most then
      stopped = '1'
      break
    end
    flat[#flat + 1], flat[#flat + 2], flat[#flat + 3] = found[i], text(tonumber(found[i + 1])), body
  end
  local reply = answer('ok', pack({stopped}))
  reply[4] = flat
  return reply
end)
