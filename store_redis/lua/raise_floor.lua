-- raise_floor keeps a channel from ever making an id up to the one given: a node has
-- delivered that, though Redis has lost it.
--
-- RETURNS  ok: nothing

local STATE = unpack(KEYS, 2)
local ID, WINDOW = unpack(ARGV, 3) -- the replay window in ms

return operation(function()
  local newest, floor, expires = unpack(redis.call('HMGET', STATE, NEWEST, FLOOR, STATE_EXPIRES))
  local top = newest or ''
  if floor and floor > top then
    top = floor
  end
  if top < ID then
    redis.call('HSET', STATE, FLOOR, ID)
    redis.call('HDEL', STATE, FLOOR_HISTORY) -- that is nobody's position
    if not expires then
      expires = text(NOW + 2 * tonumber(WINDOW))
      redis.call('HSET', STATE, STATE_EXPIRES, expires)
      redis.call('PEXPIREAT', STATE, expires)
    end
  end
end)
