-- replay reads the messages after an item that a client has seen, if it can be
-- proven that the item is the channel's and that none has been discarded or lost
-- since. The position of those who subscribed before the first item counts as one in
-- the history in which it was made.
--
-- KEYS     1 state   2 log   3 changes   4 order   5 bodies
-- ARGV     1 id of the item   2 newest id wanted   3 how many
--          4 replay window in ms
-- RETURNS  ok: 1 if proven; then a list of id, item of the log and one of id,
--          body of kept messages
--
-- A stream's entry names the entry before it, so the oldest names the newest
-- that was discarded; of an empty stream, the state does.

local LOG, CHANGES = KEYS[2], KEYS[3]
local after, upto, count = ARGV[1], ARGV[2], ARGV[3]
local state = redis.call('HMGET', KEYS[1], 'l', 'u', 'a', 'd', 'f', 'i')
local oldest = text(NOW - tonumber(ARGV[4]))
-- Where no write is accepted, what is too old remains, and may be replayed.
redis.pcall('XTRIM', LOG, 'MINID', '=', oldest)
redis.pcall('XTRIM', CHANGES, 'MINID', '=', oldest)

local function discarded(stream, newest)
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if first then
    return first[2][4]
  end
  return newest or ''
end

local function is_item()
  return after == state[1]
    or (after == state[5] and state[6] == history())
    or #redis.call('XRANGE', LOG, after, after) > 0
    or #redis.call('XRANGE', CHANGES, after, after) > 0
    or redis.call('ZSCORE', KEYS[4], after)
    or after == discarded(CHANGES, state[3])
end

local reply = answer('ok')
local lost = discarded(LOG, state[2])
if lost > after or (state[4] or '') > after or (lost ~= after and not is_item()) then
  return reply
end
reply[3] = pack({'1'})
local flat = {}
for _, e in ipairs(redis.call('XRANGE', LOG, '(' .. after, upto, 'COUNT', count)) do
  flat[#flat + 1], flat[#flat + 2] = e[1], e[2][6]
end
reply[4] = flat
local kept = {}
local ids = redis.call('ZRANGEBYLEX', KEYS[4], '(' .. after, '[' .. upto, 'LIMIT', 0, count)
if #ids > 0 then
  for i, body in ipairs(redis.call('HMGET', KEYS[5], unpack(ids))) do
    kept[#kept + 1], kept[#kept + 2] = ids[i], body or ''
  end
end
reply[5] = kept
return reply
