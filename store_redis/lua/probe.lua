-- probe publishes to the topic of a link, which must be subscribed to on the
-- master itself: what reaches a replica may have gaps.
--
-- RETURNS  ok: how many are subscribed to it here, the history, 1 if writes are accepted

local TOPIC = unpack(KEYS, 1, 1)
local COMMAND = unpack(ARGV) -- PUBLISH or SPUBLISH

return reading(function(accepts)
  return answer('ok', pack({text(redis.call(COMMAND, TOPIC, '')), history(), accepts and '1' or ''}))
end)
