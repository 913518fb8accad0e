-- schedules reads schedules by time, and by id within a millisecond.
--
-- KEYS     1 schedules by time   2 their bodies
-- ARGV     1 how many   2 how many bytes of bodies, if that is more than one; 0
--          for no bodies
--          3 due in ms and 4 id of the one to start after, both '' for the first
-- RETURNS  ok: 1 if it stopped for the bytes; then a list of id, due in ms, body

local want, most = tonumber(ARGV[1]), tonumber(ARGV[2])

-- How many come up to the one to start after is found by halving, whether that
-- is still there or not.
local from, to = 0, 0
if ARGV[4] ~= '' then
  to = redis.call('ZCARD', KEYS[1])
end
while from < to do
  local middle = math.floor((from + to) / 2)
  local found = redis.call('ZRANGE', KEYS[1], text(middle), text(middle), 'WITHSCORES')
  local due, after = tonumber(found[2]), tonumber(ARGV[3])
  if due < after or (due == after and found[1] <= ARGV[4]) then
    from = middle + 1
  else
    to = middle
  end
end

local found = redis.call('ZRANGE', KEYS[1], text(from), text(from + want - 1), 'WITHSCORES')
local flat, bytes, stopped = {}, 0, ''
for i = 1, #found, 2 do
  local body = most > 0 and redis.call('HGET', KEYS[2], found[i]) or ''
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
