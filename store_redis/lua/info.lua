-- info describes a channel.
--
-- KEYS     1 state   2 members
-- RETURNS  ok: count; then the members as in HGETALL

local reply = answer('ok', pack({redis.call('HGET', KEYS[1], 'c') or '0'}))
reply[4] = redis.call('HGETALL', KEYS[2])
return reply
