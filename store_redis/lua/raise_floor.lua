-- raise_floor keeps a channel from ever making an id up to the one given: a node has
-- delivered that, though Redis has lost it.
--
-- KEYS     1 operations   2 state
-- ARGV     1 operation    2 deadline   3 id   4 replay window in ms
-- RETURNS  ok

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local now = redis.call('HMGET', KEYS[2], 'l', 'f', 'w')
local top = now[1] or ''
if now[2] and now[2] > top then
  top = now[2]
end
if top < ARGV[3] then
  redis.call('HSET', KEYS[2], 'f', ARGV[3])
  redis.call('HDEL', KEYS[2], 'i') -- that is nobody's position
  if not now[3] then
    local until_ms = text(NOW + 2 * tonumber(ARGV[4]))
    redis.call('HSET', KEYS[2], 'w', until_ms)
    redis.call('PEXPIREAT', KEYS[2], until_ms)
  end
end
return remember('')
