-- replay reads a page of the messages after an item that a client has seen, if it can
-- be proven that the item is the channel's and that none has been discarded or lost
-- since. The position of those who subscribed before the first item counts as one in
-- the history in which it was made.
--
-- KEYS     1 state   2 log   3 changes   4 order   5 bodies
-- ARGV     1 id of the item   2 newest id wanted   3 how many   4 how many bytes
--          5 bytes that each takes besides its own   6 replay window in ms
-- RETURNS  ok: 1 if proven, 1 if there are more, id after which they are; then a list
--          of id, item
--
-- A stream's entry names the entry before it, so the oldest names the newest
-- that was discarded; of an empty stream, the state does.

local LOG, CHANGES = KEYS[2], KEYS[3]
local after, upto = ARGV[1], ARGV[2]
local state = redis.call('HMGET', KEYS[1], 'l', 'u', 'a', 'd', 'f', 'i')
local oldest = text(NOW - tonumber(ARGV[6]))
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

local lost = discarded(LOG, state[2])
if lost > after or (state[4] or '') > after or (lost ~= after and not is_item()) then
  return answer('ok', pack({'', '', ''}))
end
local more, last, flat = messages({stream(LOG, after, upto), kept(KEYS[4], KEYS[5], '(' .. after, '[' .. upto)}, false,
  tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]))
local reply = answer('ok', pack({'1', more, last}))
reply[4] = flat
return reply
