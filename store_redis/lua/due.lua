-- due reads what a partition has to be done now.
--
-- KEYS     1 visits to channels   2 entries whose expiry is to be reported
--          3 schedules by time    4 their bodies   5 leases
-- ARGV     1 how many visits   2 how many schedules   3 how many bytes of them, if
--          that is more than one
-- RETURNS  ok: number of entries to be reported, ms until the next schedule that is
--          not returned, visit and end of a lease, '' for none; then channels to be
--          visited; then a list of id, body of schedules; then incarnations whose
--          lease has lapsed
--
-- It fails where no write is accepted: nothing could be done then, and nodes
-- whose leases have lapsed may be alive.

redis.call(WRITE, NOTHING, '')
local now = text(NOW)
local function wait(later)
  if later[2] then
    return text(math.max(0, tonumber(later[2]) - NOW))
  end
  return ''
end
local function first_later(key)
  return redis.call('ZRANGEBYSCORE', key, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
end

local flat, bytes = {}, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local body = redis.call('HGET', KEYS[4], id) or ''
  bytes = bytes + #body
  if #flat > 0 and bytes > tonumber(ARGV[3]) then
    break
  end
  flat[#flat + 1], flat[#flat + 2] = id, body
end
local next_schedule = redis.call('ZRANGE', KEYS[3], #flat / 2, #flat / 2, 'WITHSCORES')

local reply = answer('ok', pack({
  text(redis.call('LLEN', KEYS[2])), wait(next_schedule), wait(first_later(KEYS[1])), wait(first_later(KEYS[5])),
}))
reply[4] = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
reply[5] = flat
reply[6] = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now)
return reply
