-- Put in front of every script that changes something, but for those that have batch.lua.

-- operation is the frame of a script that changes something. What run returns is
-- recorded: run again with the same operation, the script changes nothing and
-- returns the record of the first run. complete, if there is one, adds to the reply
-- what is not recorded.
--
-- A reply that run returns in place of a record is passed on, and not recorded. So
-- answer(status) refuses the operation this time, and decline(status) for good.
local function operation(run, complete)
  local record = redis.call('HGET', OPERATIONS, OPERATION)
  if not record then
    if tonumber(DEADLINE) < NOW then
      return answer('late')
    end
    record = run() or ''
    if type(record) == 'table' then
      return record
    end
    -- This is the last write: the first must be one that Redis refuses when its
    -- memory is full.
    redis.call('HSET', OPERATIONS, OPERATION, record)
    redis.call('PEXPIRE', OPERATIONS, '30000')
  elseif string.sub(record, 1, 1) == '!' then
    return answer(string.sub(record, 2))
  end
  local reply = answer('ok', record)
  if complete then
    complete(reply, record)
  end
  return reply
end

-- decline refuses the operation for good: another try of it that was under way
-- must not carry it out after its caller was told and went on.
local function decline(status)
  redis.call('HSET', OPERATIONS, OPERATION, '!' .. status)
  redis.call('PEXPIRE', OPERATIONS, '30000')
  return answer(status)
end
