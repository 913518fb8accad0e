-- publish appends messages to channels and delivers them, each unless a message
-- with the same deduplication id was published to its channel before.
--
-- KEYS     of each: the state and the log; if it is kept, also the order, the bodies, the
--          expiries and the partition's due channels; if it is deduplicated, all that
--          channel.lua uses, and that of its deduplication id
-- ARGV     of each: KEEP, the message, and for how long it is deduplicated, in ms
-- RETURNS  ok: id, 1 if it is a duplicate

-- keys returns how many keys a message has whose arguments begin at a.
local function keys(a)
  local keep, _, dedup_for = unpack(ARGV, a, a + 2)
  if dedup_for ~= '0' then
    return 8
  end
  return keep == '0' and 2 or 6
end

-- message publishes one.
local function message(operation, k, keep, blob, dedup_for)
  local dedup = dedup_for ~= '0' and unpack(KEYS, k + 7, k + 7)
  if dedup then
    local first = redis.call('GET', dedup)
    if first then
      return pack({first, '1'})
    end
  end
  local id = publish(open_once(), tonumber(keep), blob, operation)
  if dedup then
    redis.call('SET', dedup, id, 'PX', dedup_for)
  end
  return '30:' .. id .. '0:'
end

return batch(3, keys, message)
