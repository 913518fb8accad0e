-- Put in front of every script that only reads.

-- reading is the frame of a script that only reads. A replica refuses it, for what
-- that has may be stale. A replica does not know its role in a script, but refuses a
-- write, even one that changes nothing: the last of the keys never exists. A master
-- that accepts no write for the time being, for want of replicas or of room on its
-- disk, fails only scripts that need_writes; run is told whether it accepts them.
local function reading(run, need_writes)
  local nothing = unpack(KEYS, #KEYS)
  local refused = redis.pcall('HDEL', nothing, '')
  local accepts = type(refused) ~= 'table' or not refused.err
  if not accepts and (need_writes or string.find(refused.err, 'READONLY', 1, true)) then
    return refused
  end
  return run(accepts)
end
