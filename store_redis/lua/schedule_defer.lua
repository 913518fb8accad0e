-- schedule_defer makes a schedule that is due, and that the caller cannot read, due
-- later. Nobody knows its channel, in whose list fire.lua moves it.
--
-- RETURNS  ok: nothing. none if it is not due any more, or another by now

local BY_TIME, BODIES = unpack(KEYS, 2)
local ID, BODY, DELAY = unpack(ARGV, 3) -- the body is '' for none, the delay in ms from now

return operation(function()
  local due = redis.call('ZSCORE', BY_TIME, ID)
  if not due or tonumber(due) > NOW or (redis.call('HGET', BODIES, ID) or '') ~= BODY then
    return answer('none')
  end
  -- A full memory refuses nothing that follows a removal.
  redis.call('ZREM', BY_TIME, ID)
  redis.call('ZADD', BY_TIME, text(NOW + tonumber(DELAY)), ID)
end)
