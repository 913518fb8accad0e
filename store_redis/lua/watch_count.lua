-- watch_count has a node told when the subscriptions of a channel change next.
--
-- RETURNS  ok: count

local STATE = unpack(KEYS, 2)
local TOPIC = unpack(ARGV, 3) -- of the node

return operation(function()
  local watchers, counted, expires = unpack(redis.call('HMGET', STATE, COUNT_WATCHERS, COUNTED, STATE_EXPIRES))
  watchers = watchers or ''
  local this = pack({TOPIC})
  if not string.find(watchers, this, 1, true) then
    redis.call('HSET', STATE, COUNT_WATCHERS, watchers .. this)
    if not expires then
      expires = text(NOW + 60000)
      redis.call('HSET', STATE, STATE_EXPIRES, expires)
      redis.call('PEXPIREAT', STATE, expires)
    end
  end
  return pack({counted or '0'})
end)
