-- due reads what has to be done now in a partition.
--
-- RETURNS  ok: number of entries to be reported, ms until the next schedule that is
--          not returned, channel, end of a lease and end of a grace are due, '' for
--          none; then channels that are due; then a list of id, body of schedules; then
--          incarnations whose lease has lapsed; then members whose grace is over
--
-- It fails where no write is accepted: nothing could be done then, and nodes
-- whose leases have lapsed may be alive.

local DUE_CHANNELS, EXPIRED, BY_TIME, BODIES, LEASES, LINGERING_MEMBERS = unpack(KEYS, 1, 6)
-- How many at the most, of channels and of members; of schedules the first whatever its length.
local COUNT, SCHEDULES, BYTES = unpack(ARGV)

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

return reading(function()
  local flat, bytes = {}, 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', BY_TIME, '-inf', now, 'LIMIT', 0, SCHEDULES)) do
    local body = redis.call('HGET', BODIES, id) or ''
    bytes = bytes + #body
    if #flat > 0 and bytes > tonumber(BYTES) then
      break
    end
    flat[#flat + 1], flat[#flat + 2] = id, body
  end
  local next_schedule = redis.call('ZRANGE', BY_TIME, #flat / 2, #flat / 2, 'WITHSCORES')
  local reply = answer('ok', pack({
    text(redis.call('LLEN', EXPIRED)), wait(next_schedule), wait(first_later(DUE_CHANNELS)), wait(first_later(LEASES)),
    wait(first_later(LINGERING_MEMBERS)),
  }))
  reply[4] = redis.call('ZRANGEBYSCORE', DUE_CHANNELS, '-inf', now, 'LIMIT', 0, COUNT)
  reply[5] = flat
  reply[6] = redis.call('ZRANGEBYSCORE', LEASES, '-inf', now)
  reply[7] = redis.call('ZRANGEBYSCORE', LINGERING_MEMBERS, '-inf', now, 'LIMIT', 0, COUNT)
  return reply
end, true)
