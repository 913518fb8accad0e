-- replay reads a page of the messages after an item that a client has seen, if it can
-- be proven that the item is the channel's and that none has been discarded or lost
-- since. The position of those who subscribed before the first item counts as one in
-- the history in which it was made.
--
-- RETURNS  ok: 1 if proven, 1 if there are more, id after which they are; then a list
--          of id, item

local STATE, LOG, CHANGES, ORDER, BODIES, ERASED = unpack(KEYS, 1, 6)
-- AFTER is the item, UPTO the newest id wanted, COUNT and BYTES how many messages,
-- BESIDES how many bytes each takes besides its own, WINDOW the replay window in ms.
local AFTER, UPTO, COUNT, BYTES, BESIDES, WINDOW = unpack(ARGV)

return reading(function()
  local newest, log_newest, changes_newest, known_lost, floor, floor_history, erased_until = unpack(
    redis.call('HMGET', STATE, NEWEST, LOG_NEWEST, CHANGES_NEWEST, LOST, FLOOR, FLOOR_HISTORY, ERASED_TO))
  local oldest = text(NOW - tonumber(WINDOW))
  -- Where no write is accepted, what is too old remains, and may be replayed.
  redis.pcall('XTRIM', LOG, 'MINID', '=', oldest)
  redis.pcall('XTRIM', CHANGES, 'MINID', '=', oldest)

  local function is_item()
    return AFTER == newest or AFTER == erased_until
      or (AFTER == floor and floor_history == history())
      or #redis.call('XRANGE', LOG, AFTER, AFTER) > 0
      or #redis.call('XRANGE', CHANGES, AFTER, AFTER) > 0
      or redis.call('ZSCORE', ORDER, AFTER)
      or AFTER == discarded(CHANGES, changes_newest)
      or erased_of(ERASED, AFTER)
  end

  local lost = discarded(LOG, log_newest, ERASED)
  if lost > AFTER or (known_lost or '') > AFTER or (lost ~= AFTER and not is_item()) then
    return answer('ok', pack({'', '', ''}))
  end
  local more, last, flat = messages({stream(LOG, AFTER, UPTO), kept(ORDER, BODIES, '(' .. AFTER, '[' .. UPTO)}, false,
    tonumber(COUNT), tonumber(BYTES), tonumber(BESIDES))
  local reply = answer('ok', pack({'1', more, last}))
  reply[4] = flat
  return reply
end)
