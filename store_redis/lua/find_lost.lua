-- find_lost looks for items that a channel has had lately.
--
-- RETURNS  ok: the newest of the items that the channel should still have and
--          has not, '' if there is none
--
-- What is older than the window, or than the newest item that a stream has
-- discarded, may be missing. What is lost is noted, so that nobody who comes later
-- is told that nothing is missing.

local STATE, LOG, CHANGES, ORDER, ERASED = unpack(KEYS, 1, 5)
local WINDOW = unpack(ARGV, 1, 1) -- the replay window in ms
local IDS = {unpack(ARGV, 2)}

return reading(function()
  local newest, log_newest, changes_newest, erased_until = unpack(
    redis.call('HMGET', STATE, NEWEST, LOG_NEWEST, CHANGES_NEWEST, ERASED_TO))
  local oldest = time_text(NOW - tonumber(WINDOW))
  local gone, gone_changes = discarded(LOG, log_newest, ERASED), discarded(CHANGES, changes_newest)

  local function has(id)
    return id == newest or string.sub(id, 1, 13) < oldest or id <= (erased_until or '')
      or #redis.call('XRANGE', LOG, id, id) > 0
      or #redis.call('XRANGE', CHANGES, id, id) > 0
      or redis.call('ZSCORE', ORDER, id)
      or erased_of(ERASED, id)
  end

  local lost = ''
  for _, id in ipairs(IDS) do
    if id > lost and not has(id) and id > gone and id > gone_changes then
      lost = id
    end
  end
  if lost ~= '' and redis.call('EXISTS', STATE) == 1 and (redis.call('HGET', STATE, LOST) or '') < lost then
    redis.pcall('HSET', STATE, LOST, lost) -- Where it is refused, the living are told all the same.
  end
  return answer('ok', pack({lost}))
end)
