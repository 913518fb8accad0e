-- renew says that a consumer still works on entries, so that no other claims
-- them.
--
-- KEYS     1 stream
-- ARGV     1 group   2 consumer   then the ids of entries
-- RETURNS  the ids of those that are another's by now, or nobody's

local lost = {}
for i = 3, #ARGV do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'IDLE', 0, 'JUSTID')
  else
    lost[#lost + 1] = id
  end
end
return lost
