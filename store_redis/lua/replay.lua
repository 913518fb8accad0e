-- replay reads a page of the messages after an item that a client has seen, if it can
-- be proven that the item is the channel's and that none has been discarded or lost
-- since, unless it is kept. The position of those who subscribed before the first item counts as one in
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

  local function before_first_kept()
    local id = redis.call('ZRANGEBYLEX', ORDER, '(' .. AFTER, '+', 'LIMIT', 0, 1)[1]
    local body = id and redis.call('HGET', BODIES, id)
    return body and before_kept(body)
  end
  local function is_item()
    return AFTER == newest or AFTER == erased_until
      or (AFTER == floor and floor_history == history())
      or #redis.call('XRANGE', LOG, AFTER, AFTER) > 0
      or #redis.call('XRANGE', CHANGES, AFTER, AFTER) > 0
      or redis.call('ZSCORE', ORDER, AFTER)
      or AFTER == discarded(CHANGES, changes_newest)
      or erased_of(ERASED, AFTER)
      or before_first_kept() == AFTER
  end

  local none = answer('ok', pack({'', '', ''}))
  local lost = discarded(LOG, log_newest, ERASED)
  if (known_lost or '') > AFTER or (lost < AFTER and not is_item()) then
    return none
  end
  local sources = {appended(stream(LOG, AFTER, UPTO), BODIES), kept(ORDER, BODIES, '(' .. AFTER, '[' .. UPTO)}
  local proven, check = lost <= AFTER, nil
  if not proven then
    -- What the log has discarded may be kept: then each item up to there is followed by
    -- one that is here.
    sources = {appended(stream(LOG, AFTER, '+'), BODIES), kept(ORDER, BODIES, '(' .. AFTER, '+'), places(stream(CHANGES, AFTER, '+')), erased(ERASED, AFTER)}
    local at = AFTER
    check = function(id, item, before)
      if not proven and at ~= (before ~= '' and before or before_kept(item)) then
        return true
      end
      at, proven = id, proven or id >= lost or id > UPTO
      return id > UPTO
    end
  end
  local more, last, flat = messages(sources, false, tonumber(COUNT), tonumber(BYTES), tonumber(BESIDES), check)
  if more == '' and not proven then
    return none
  end
  local reply = answer('ok', pack({'1', more, last}))
  reply[4] = flat
  return reply
end)
