-- keys reads a page of the keys of storage entries.
--
-- KEYS     1 order of the keys
-- ARGV     1 lower bound   2 upper bound (both as in ZRANGEBYLEX)   3 how many
-- RETURNS  ok: nothing; then a list of keys

local reply = answer('ok')
reply[4] = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
return reply
