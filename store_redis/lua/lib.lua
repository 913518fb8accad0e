-- Put in front of every script: time, records of fields, and the reply.
--
-- Every reply is {status, now, record, ...}: now is Redis's clock in
-- milliseconds, record a list of fields (see pack). A status other than 'ok'
-- means that nothing was changed:
--   late   the deadline has passed
--   stale  the incarnation of the caller is no member of the partition
--   none   what was named does not exist
--   full   there would be more of something than is allowed
--   later  something else has to be done first
--
-- Every script that changes something takes KEYS[1], the record of recent
-- operations; ARGV[1], the operation; and ARGV[2], its deadline. Run again with
-- the same operation, it changes nothing and returns the record of the first
-- run.

local TIME = redis.call('TIME')
local NOW = TIME[1] * 1000 + math.floor(TIME[2] / 1000)

local function text(n)
  return string.format('%.0f', n)
end

-- time_text makes a time text that compares as the times do.
local function time_text(n)
  return string.format('%013.0f', n)
end
local NOW_TEXT = time_text(NOW)

-- pack joins fields, each as its length, a colon and its bytes.
local function pack(fields)
  local out = {}
  for i, f in ipairs(fields) do
    out[i] = #f .. ':' .. f
  end
  return table.concat(out)
end

local function unpack_fields(s)
  local out, at = {}, 1
  while at <= #s do
    local colon = string.find(s, ':', at, true)
    local n = tonumber(string.sub(s, at, colon - 1))
    out[#out + 1] = string.sub(s, colon + 1, colon + n)
    at = colon + n + 1
  end
  return out
end

-- history names what Redis has replicated since it began. A restart and a change
-- of masters begin another one, which may lack the newest of the one before.
local function history()
  local info = redis.pcall('INFO', 'replication')
  local id = type(info) == 'string' and string.match(info, 'master_replid:(%w+)') or 'unknown'
  return string.sub(id, 1, 16) -- 64 bits of a random number are enough
end

local function answer(status, record)
  return {status, NOW_TEXT, record or ''}
end

-- recall returns what the operation's first run recorded, or nil; and as the
-- second value an answer that refuses to begin.
local function recall()
  local record = redis.call('HGET', KEYS[1], ARGV[1])
  if record and string.sub(record, 1, 1) == '!' then
    return nil, answer(string.sub(record, 2))
  elseif record then
    return record
  end
  if tonumber(ARGV[2]) < NOW then
    return nil, answer('late')
  end
end

-- decline refuses the operation for good: another try of it that was under way
-- must not carry it out after its caller was told and went on.
local function decline(status)
  redis.call('HSET', KEYS[1], ARGV[1], '!' .. status)
  redis.call('PEXPIRE', KEYS[1], '30000')
  return answer(status)
end

-- remember records the result of the operation, and is its last write: the
-- first must be one that Redis refuses when its memory is full.
local function remember(record)
  redis.call('HSET', KEYS[1], ARGV[1], record)
  redis.call('PEXPIRE', KEYS[1], '30000')
  return answer('ok', record)
end
