-- schedule_defer makes a schedule that is due, and that the caller cannot read, due
-- later. Nobody knows its channel, in whose list fire.lua moves it.
--
-- KEYS     1 operations   2 schedules by time   3 their bodies
-- ARGV     1 operation    2 deadline   3 id   4 body, '' for none   5 by how many ms from now
-- RETURNS  ok: nothing. none if it is not due any more, or another by now

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local due = redis.call('ZSCORE', KEYS[2], ARGV[3])
if not due or tonumber(due) > NOW or (redis.call('HGET', KEYS[3], ARGV[3]) or '') ~= ARGV[4] then
  return answer('none')
end
-- A full memory refuses nothing that follows a removal.
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('ZADD', KEYS[2], text(NOW + tonumber(ARGV[5])), ARGV[3])
return remember('')
