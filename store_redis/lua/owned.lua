-- owned reads a part of what an incarnation holds in a partition.
--
-- KEYS     1 channels that it is subscribed to   2 its connections
-- ARGV     1 how many of each
-- RETURNS  ok: nothing; then channels, then ids of connections; fewer than there
--          may be only where there are no more
--
-- Not by scans: what begins again each time finds nothing where much was removed.

local reply = answer('ok')
reply[4] = redis.call('SRANDMEMBER', KEYS[1], ARGV[1])
reply[5] = redis.call('HRANDFIELD', KEYS[2], ARGV[1])
return reply
