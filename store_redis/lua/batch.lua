-- Put in front of every script of which one run carries out several operations, each with
-- its own keys and arguments: see pipeline_batch.go. They may be about the same channel.
--
-- KEYS   after the record of operations, those of each operation
-- ARGV   of the first operation all, of each further one its operation, its deadline, and
--        then as from the topic on
-- Replies are one list: the time, and then for each operation its record, or a list of a
-- status other than ok and a text. That of one that has failed is the error, which is of
-- this operation alone.

-- The first one's topic and the like are after this; before it, each further one has its
-- operation and its deadline.
local FIRST = 5

local channels, opened = {}, {}

-- look reads the channel's state, unless that was done for an operation before.
local function look()
  local c = channels[STATE]
  if not c then
    c = open_hot()
    channels[STATE] = c
  end
  return c
end

-- open_once does the same for operations that will publish, and has the frame close the
-- channel.
local function open_once()
  local c = look()
  if not c.opened then
    c.opened, opened[#opened + 1] = true, c
  end
  return c
end

-- batch is the frame. Each operation has so many arguments of its own, after those of
-- channel.lua; keys returns, given where they begin, how many keys it has. run is given the
-- operation, where its keys begin, and its own arguments. What it returns is recorded,
-- unless answer made it: it has changed nothing then.
local function batch(arguments, keys, run)
  local step = arguments + 4
  local all = {OPERATION}
  for a = FIRST + step - 1, #ARGV, step do
    all[#all + 1] = unpack(ARGV, a, a)
  end
  -- The operations share the calls that the frame of one makes.
  local known, again, records = redis.call('HMGET', OPERATIONS, unpack(all)), {}, {}
  local reply, k, a = {NOW_TEXT}, 2, FIRST
  for i, operation in ipairs(all) do
    local deadline = i == 1 and DEADLINE or unpack(ARGV, a, a)
    local record = known[i] or again[operation]
    if not record and tonumber(deadline) < NOW then
      record = {'late', ''}
    elseif not record then
      if i > 1 then
        use(k, a + 1)
      end
      local done, result = pcall(run, operation, k, unpack(ARGV, a + 3, a + 2 + arguments))
      if not done then
        record = {'failed', type(result) == 'table' and result.err or result}
      elseif type(result) == 'table' then
        record = {result[1], ''}
      else
        record, again[operation] = result, result
        records[#records + 1] = operation
        records[#records + 1] = result
      end
    end
    reply[i + 1] = record
    k = k + keys(a + 3)
    a = a + step
  end
  for _, c in ipairs(opened) do
    close(c)
  end
  if #records > 0 then
    redis.call('HSET', OPERATIONS, unpack(records))
    redis.call('PEXPIRE', OPERATIONS, '30000')
  end
  return reply
end
