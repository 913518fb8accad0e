-- due reads what a partition has to be done now.
--
-- KEYS     1 visits to channels   2 entries whose expiry is to be reported
--          3 schedules by time    4 their bodies   5 leases
-- ARGV     1 how many of each
-- RETURNS  ok: number of entries to be reported, ms until the next schedule,
--          visit and end of a lease, '' for none; then channels to be visited; then a list of
--          id, body of schedules; then incarnations whose lease has lapsed
--
-- It fails where no write is accepted: nothing could be done then, and nodes
-- whose leases have lapsed may be alive.

redis.call(WRITE, NOTHING, '')
local now = text(NOW)
local function wait(key)
  local later = redis.call('ZRANGEBYSCORE', key, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if later[2] then
    return text(tonumber(later[2]) - NOW)
  end
  return ''
end
local reply = answer('ok', pack({text(redis.call('LLEN', KEYS[2])), wait(KEYS[3]), wait(KEYS[1]), wait(KEYS[5])}))
reply[4] = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
local flat = {}
local ids = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[1])
if #ids > 0 then
  for i, body in ipairs(redis.call('HMGET', KEYS[4], unpack(ids))) do
    flat[#flat + 1], flat[#flat + 2] = ids[i], body or ''
  end
end
reply[5] = flat
reply[6] = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now)
return reply
