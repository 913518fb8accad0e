-- history reads a page of kept messages.
--
-- KEYS     1 order   2 bodies
-- ARGV     1 lower bound   2 upper bound (both as in ZRANGEBYLEX)
--          3 1 for newest first   4 how many   5 how many bytes
--          6 bytes that each takes besides its own
-- RETURNS  ok: 1 if there are more, id after which they are; then a list of id, item
--
-- What has expired counts, too: it is read.

local reverse = ARGV[3] == '1'
local more, last, flat = messages({kept(KEYS[1], KEYS[2], ARGV[1], ARGV[2], reverse)}, reverse,
  tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]))
local reply = answer('ok', pack({more, last}))
reply[4] = flat
return reply
