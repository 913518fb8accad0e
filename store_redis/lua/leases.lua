-- leases reads who is a member of a partition.
--
-- KEYS     1 leases
-- RETURNS  ok: nothing; then the incarnations with a lease, then those whose
--          lease has lapsed

local reply = answer('ok')
reply[4] = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. text(NOW), '+inf')
reply[5] = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(NOW))
return reply
