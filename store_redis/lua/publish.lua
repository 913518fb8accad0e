-- publish appends messages to channels and delivers them, each unless a message
-- with the same deduplication id was published to its channel before. It carries out
-- a batch of operations, each with its own message, and so has its own frame.
--
-- KEYS     after the record of operations, those of each message: the state and the
--          log; if it is kept or deduplicated, all that use takes, and one more
-- ARGV     of the first message all, of each further one its operation, its deadline,
--          and then as from the topic on
-- RETURNS  ok: id, 1 if it is a duplicate. late. failed: the error, which is of
--          this message alone; all in one list: the time, and then a status and
--          a record for each message

-- The first one's deadline, keep and the like are at FIRST and after; each further one's
-- STEP later.
local FIRST, STEP = 5, 7

-- The operations share the calls that the frame of one makes.
local BATCH = {OPERATION}
for a = FIRST + STEP - 1, #ARGV, STEP do
  BATCH[#BATCH + 1] = unpack(ARGV, a, a)
end
local known = redis.call('HMGET', OPERATIONS, unpack(BATCH))
local records, channels, opened = {}, {}, {}

-- message publishes the one whose keys and arguments are at k and a, and returns what
-- to record of it.
local function message(operation, k, a, keep, blob, dedup_for)
  if a > FIRST then
    use(k, a + 1)
  end
  local dedup = unpack(KEYS, k + 7, k + 7)
  if dedup_for > 0 then
    local first = redis.call('GET', dedup)
    if first then
      return pack({first, '1'})
    end
  end
  local c = channels[STATE]
  if not c then
    c = open_hot()
    channels[STATE], opened[#opened + 1] = c, c
  end
  local id = publish(c, keep, blob, operation)
  if dedup_for > 0 then
    redis.call('SET', dedup, id, 'PX', text(dedup_for))
  end
  return '30:' .. id .. '0:'
end

local reply, again = {NOW_TEXT}, {}
local k, a = 2, FIRST
for i, operation in ipairs(BATCH) do
  local deadline, _, _, keep, blob, dedup_for = unpack(ARGV, a, a + 5)
  keep, dedup_for = tonumber(keep), tonumber(dedup_for)
  if i == 1 then
    deadline = DEADLINE
  end
  local status, record = 'ok', known[i] or again[operation]
  if not record and tonumber(deadline) < NOW then
    status, record = 'late', ''
  elseif not record then
    local ok, result = pcall(message, operation, k, a, keep, blob, dedup_for)
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
  k = k + ((keep == 0 and dedup_for == 0) and 2 or 8)
  a = a + STEP
end
for _, c in ipairs(opened) do
  close(c)
end
if #records > 0 then
  redis.call('HSET', OPERATIONS, unpack(records))
  redis.call('PEXPIRE', OPERATIONS, '30000')
end
return reply
