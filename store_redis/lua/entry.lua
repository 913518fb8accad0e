-- Put in front of every script that changes storage.
--
-- An entry is: id, when it expires (0 never), digest, emit, and the fields that
-- only the caller reads.

-- The partition's expired entries are those whose expiry is to be reported.
local ENTRIES, KEY_ORDER, KEY_EXPIRY, EXPIRED

-- use_entries makes the channel whose keys begin at k the one to work with.
local function use_entries(k, expired)
  ENTRIES, KEY_ORDER, KEY_EXPIRY = unpack(KEYS, k, k + 2)
  EXPIRED = unpack(KEYS, expired, expired)
end
use_entries(9, 12)

local function drop_entry(key)
  redis.call('HDEL', ENTRIES, key)
  redis.call('ZREM', KEY_ORDER, key)
  redis.call('ZREM', KEY_EXPIRY, key)
end

-- expire_entry removes an entry that has expired, and leaves it where a node finds it
-- if that is to be reported.
local function expire_entry(key, entry)
  drop_entry(key)
  if entry and unpack_fields(entry)[4] == '1' then
    redis.call('RPUSH', EXPIRED, pack({CHANNEL}) .. entry)
  end
end

-- expire_entries removes up to n expired entries.
local function expire_entries(n)
  local dead = redis.call('ZRANGEBYSCORE', KEY_EXPIRY, '-inf', text(NOW), 'LIMIT', 0, n)
  for _, key in ipairs(dead) do
    expire_entry(key, redis.call('HGET', ENTRIES, key))
  end
end

-- set writes or clears an entry and returns: 1 if it changed, the entry, the
-- previous one, 1 if the condition was not met. keep is in ms, -1 for ever; blob is the
-- rest of the entry. The condition is the id that the entry must have, 0 for no entry, or
-- nothing.
local function set(c, key, digest, keep, emit, clear, blob, condition)
  local old = redis.call('HGET', ENTRIES, key)
  local was = old and unpack_fields(old)
  if was and was[2] ~= '0' and tonumber(was[2]) <= NOW then
    expire_entry(key, old)
    old, was = nil, nil
  end
  if condition ~= '' and condition ~= (was and was[1] or '0') then
    return {'', old or '', '', '1'}
  end
  if clear and not old then
    return {'', '', '', ''}
  end
  local expires = '0'
  if keep >= 0 then
    expires = time_text(NOW + keep)
  end
  if clear then
    local id = change(c, pack({'S', '', '0', emit}) .. blob)
    drop_entry(key)
    c.has_storage = redis.call('EXISTS', ENTRIES)
    return {'1', pack({id, '0', digest, emit}) .. blob, old, ''}
  end
  local id, changed
  if was and was[3] == digest then
    id, changed = was[1], ''
  else
    id, changed = change(c, pack({'S', '', expires, emit}) .. blob), '1'
  end
  local entry = pack({id, expires, digest, emit}) .. blob
  redis.call('HSET', ENTRIES, key, entry)
  redis.call('ZADD', KEY_ORDER, 0, key)
  if expires == '0' then
    redis.call('ZREM', KEY_EXPIRY, key)
  else
    redis.call('ZADD', KEY_EXPIRY, expires, key)
    due_at(c, expires)
  end
  c.has_storage = 1
  return {changed, entry, old or '', ''}
end
