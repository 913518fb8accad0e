-- publish appends messages to channels and delivers them, each unless a message
-- with the same deduplication id was published to its channel before.
--
-- KEYS     1 operations; then those of each message: 2 and 3 as in channel.lua;
--          if it is kept or deduplicated, 4-8 too, and 9 deduplication
-- ARGV     of the first message: 1-7 as in channel.lua   8 keep in ms   9 message
--          10 for how long to deduplicate, in ms; 0 not at all
--          of each further one: operation, deadline, and then as from 6 on
-- RETURNS  ok: id, 1 if it is a duplicate. late. failed: the error, which is of
--          this message alone; all in one list: the time, and then a status and
--          a record for each message

-- Several operations share the calls that recall and remember make for one.
local OPERATIONS = {ARGV[1]}
for a = 11, #ARGV, 7 do
  OPERATIONS[#OPERATIONS + 1] = ARGV[a]
end
local known = redis.call('HMGET', KEYS[1], unpack(OPERATIONS))
local records, channels, opened = {}, {}, {}

-- message publishes the one whose keys and arguments follow, and returns what to
-- remember of it.
local function message(operation, k, a, keep, dedup)
  use(k, a)
  if dedup > 0 then
    local first = redis.call('GET', KEYS[k + 8])
    if first then
      return pack({first, '1'})
    end
  end
  local c = channels[STATE]
  if not c then
    c = open_hot()
    channels[STATE], opened[#opened + 1] = c, c
  end
  local id = publish(c, keep, ARGV[a + 4], operation)
  if dedup > 0 then
    redis.call('SET', KEYS[k + 8], id, 'PX', ARGV[a + 5])
  end
  return '30:' .. id .. '0:'
end

local reply, again = {NOW_TEXT}, {}
local k, a = 1, 5
for i, operation in ipairs(OPERATIONS) do
  local deadline = i == 1 and ARGV[2] or ARGV[a]
  local keep, dedup = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 5])
  local status, record = 'ok', known[i] or again[operation]
  if not record and tonumber(deadline) < NOW then
    status, record = 'late', ''
  elseif not record then
    local ok, result = pcall(message, operation, k, a, keep, dedup)
    if ok then
      record = result
      again[operation] = record
      records[#records + 1] = operation
      records[#records + 1] = record
    else
      status, record = 'failed', type(result) == 'table' and result.err or result
    end
  end
  reply[2 * i], reply[2 * i + 1] = status, record
  k = k + ((keep == 0 and dedup == 0) and 2 or 8)
  a = a + 7
end
for _, c in ipairs(opened) do
  close(c)
end
if #records > 0 then
  redis.call('HSET', KEYS[1], unpack(records))
  redis.call('PEXPIRE', KEYS[1], '30000')
end
return reply
