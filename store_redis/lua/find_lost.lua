-- find_lost looks for items that a channel has had lately.
--
-- KEYS     1 state   2 log   3 changes   4 order
-- ARGV     1 replay window in ms; then ids
-- RETURNS  ok: the newest of the items that the channel should still have and
--          has not, '' if there is none
--
-- What is older than the window, or than the newest item that a stream has
-- discarded, may be missing. What is lost is noted, so that nobody who comes later
-- is told that nothing is missing.

local state = redis.call('HMGET', KEYS[1], 'l', 'u', 'a')
local oldest = time_text(NOW - tonumber(ARGV[1]))

local function discarded(stream, newest)
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  return first and first[2][4] or newest or ''
end
local gone = discarded(KEYS[2], state[2])
local gone_changes = discarded(KEYS[3], state[3])

local function has(id)
  return id == state[1] or string.sub(id, 1, 13) < oldest
    or #redis.call('XRANGE', KEYS[2], id, id) > 0
    or #redis.call('XRANGE', KEYS[3], id, id) > 0
    or redis.call('ZSCORE', KEYS[4], id)
end

local lost = ''
for i = 2, #ARGV do
  local id = ARGV[i]
  if id > lost and not has(id) and id > gone and id > gone_changes then
    lost = id
  end
end
if lost ~= '' and redis.call('EXISTS', KEYS[1]) == 1 and (redis.call('HGET', KEYS[1], 'd') or '') < lost then
  redis.pcall('HSET', KEYS[1], 'd', lost) -- Where it is refused, the living are told all the same.
end
return answer('ok', pack({lost}))
