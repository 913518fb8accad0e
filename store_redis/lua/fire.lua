-- fire carries out schedules of one partition that are due, in the order given,
-- and removes them. Those that the caller cannot read it makes due later.
--
-- KEYS     after those named below, of each channel: those that use and use_entries
--          take, and its schedules by time; then those of deduplication
-- ARGV     after those named below, of each channel: topic, channel; then of each
--          schedule: id, body, number of its channel, what to do (see carry_out); of
--          one that cannot be read: id, body, 0, and in how many ms it is due again
-- RETURNS  ok: for each schedule a status and a record
--            ok     of a message: id, 1 if it is a duplicate; of an entry as set.lua;
--                   nothing of one that is due later
--            none   the schedule is not there, not due or another by now
--            later  another of its channel comes before it
--            failed the error, which is of this schedule alone

local BY_TIME, BODIES_OF_SCHEDULES = unpack(KEYS, 2, 3)
local EXPIRED_HERE = 4 -- where that key is
local FIRST_KEY, KEYS_EACH = 5, 11
local CHANNELS = tonumber((unpack(ARGV, 6, 6)))
local FIRST_CHANNEL, FIRST_SCHEDULE = 7, 7 + 2 * CHANNELS

local function is_due(id, body)
  local due = redis.call('ZSCORE', BY_TIME, id)
  return due and tonumber(due) <= NOW and (redis.call('HGET', BODIES_OF_SCHEDULES, id) or '') == body
end

-- defer makes a schedule due later that holds up others. Nobody knows its channel, in
-- whose list behind_another moves it.
local function defer(id, body, delay)
  if not is_due(id, body) then
    return 'none', ''
  end
  -- A full memory refuses nothing that follows a removal.
  redis.call('ZREM', BY_TIME, id)
  redis.call('ZADD', BY_TIME, text(NOW + tonumber(delay)), id)
  return 'ok', ''
end

-- behind_another reports whether another one of the channel comes before. One that was
-- deferred does not any more, and gets its place here.
local function behind_another(of_channel, id)
  local moved
  while true do
    local first = redis.call('ZRANGE', of_channel, 0, 0)[1]
    if not first or first == id or first == moved then
      return false
    end
    moved = first
    local due = redis.call('ZSCORE', BY_TIME, first)
    if due and tonumber(due) <= NOW then
      return true
    end
    redis.call('ZREM', of_channel, first)
    if due then
      redis.call('ZADD', of_channel, due, first)
    end
  end
end

-- take removes a schedule that is due, and otherwise returns the status to
-- refuse it with. Those of a channel are fired in order, however many are due
-- and whoever fires them.
local function take(of_channel, id, body)
  if not is_due(id, body) then
    return 'none'
  end
  if behind_another(of_channel, id) then
    return 'later'
  end
  redis.call('ZREM', BY_TIME, id)
  redis.call('HDEL', BODIES_OF_SCHEDULES, id)
  redis.call('ZREM', of_channel, id)
end

-- carry_out does what a schedule says, and returns its record. how is: where in
-- the body the message or the rest of the entry begins, keep in ms, and
--   of a message: for how long to deduplicate, in ms; with which key, 0 for none
--   of an entry:  its key, digest of the value, 1 to report its expiry, 1 to clear
local function carry_out(c, body, how, nth)
  local blob, keep = string.sub(body, tonumber(how[1])), tonumber(how[2])
  if how[5] then
    return pack(set(c, how[3], how[4], keep, how[5], how[6] == '1', blob, ''))
  end
  local dedup
  if how[4] ~= '0' then
    local k = FIRST_KEY + CHANNELS * KEYS_EACH + tonumber(how[4]) - 1
    dedup = unpack(KEYS, k, k)
  end
  local first = dedup and redis.call('GET', dedup)
  if first then
    return pack({first, '1'})
  end
  local id = publish(c, keep, blob, random('publish' .. nth))
  if dedup then
    redis.call('SET', dedup, id, 'PX', how[3])
  end
  return pack({id, ''})
end

local opened = {}

local function fire(nth, id, body, channel, how)
  channel = tonumber(channel)
  if channel == 0 then
    return defer(id, body, how)
  end
  local k = FIRST_KEY + (channel - 1) * KEYS_EACH
  local of_channel = unpack(KEYS, k + KEYS_EACH - 1, k + KEYS_EACH - 1)
  local refused = take(of_channel, id, body)
  if refused then
    return refused, ''
  end
  use(k, FIRST_CHANNEL + 2 * (channel - 1))
  use_entries(k + 7, EXPIRED_HERE)
  opened[channel] = opened[channel] or open()
  return 'ok', carry_out(opened[channel], body, unpack_fields(how), nth)
end

return operation(function()
  local results = {}
  for a = FIRST_SCHEDULE, #ARGV, 4 do
    local nth = #results / 2 + 1
    local ran, status, record = pcall(fire, nth, unpack(ARGV, a, a + 3))
    if not ran then
      record = type(status) == 'table' and status.err or tostring(status)
      status = 'failed'
    end
    results[2 * nth - 1], results[2 * nth] = status, record
  end
  for _, c in pairs(opened) do
    close(c)
  end
  return pack(results)
end)
