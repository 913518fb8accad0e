-- schedules reads a page of schedules by time.
--
-- KEYS     1 schedules by time   2 their bodies
-- ARGV     1 lower bound in ms, or -inf   2 id to start after at that time, or ''
--          3 how many
-- RETURNS  ok: nothing; then a list of id, body

local reply = answer('ok')
local flat, want, skip = {}, tonumber(ARGV[3]), 0
while #flat < 2 * want do
  local found = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', skip, want)
  if #found == 0 then
    break
  end
  for i = 1, #found, 2 do
    if (tonumber(found[i + 1]) ~= tonumber(ARGV[1]) or found[i] > ARGV[2]) and #flat < 2 * want then
      flat[#flat + 1], flat[#flat + 2] = found[i], redis.call('HGET', KEYS[2], found[i]) or ''
    end
  end
  skip = skip + want
end
reply[4] = flat
return reply
