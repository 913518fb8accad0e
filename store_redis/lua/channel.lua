-- Put in front of every script that changes a channel.

-- How to publish, the replay window in ms, and how many items the log may have.
local COMMAND, WINDOW, LIMIT = unpack(ARGV, 3, 5)
WINDOW = tonumber(WINDOW)
local WINDOW_END, STATE_END = time_text(NOW + WINDOW), time_text(NOW + WINDOW + WINDOW / 4)

-- The log has the messages to be replayed, the changes those of presence and storage.
-- Kept messages have an order, bodies and expiries. The partition's due channels are
-- those in which something will have to be removed.
local STATE, LOG, ORDER, BODIES, EXPIRY, DUE_CHANNELS, CHANGES = unpack(KEYS, 2, 8)
local TOPIC, CHANNEL = unpack(ARGV, 6, 7)

-- use makes another channel the one to work with, whose keys begin at k and whose
-- arguments at a.
local function use(k, a)
  STATE, LOG, ORDER, BODIES, EXPIRY, DUE_CHANNELS, CHANGES = unpack(KEYS, k, k + 6)
  TOPIC, CHANNEL = unpack(ARGV, a, a + 1)
end

local function expire_at(key, t)
  redis.call('PEXPIREAT', key, text(tonumber(t)))
end

-- open_hot reads what publishing needs of the state. READ has that, and after it what a
-- script adds.
local HOT = {NEWEST, FLOOR, LOG_NEWEST, LOG_EXPIRES, STATE_EXPIRES, KEPT_EXPIRES, DUE}
local HOT_NAMES = {'newest', 'floor', 'log_newest', 'log_expires', 'expires', 'kept_expires', 'due'}
local READ = {unpack(HOT)}
local function open_hot()
  local was = redis.call('HMGET', STATE, unpack(READ))
  return {
    key = STATE, topic = TOPIC, hot = was, heard = {},
    newest = was[1] or '', floor = was[2] or '', log_newest = was[3] or '', log_expires = was[4] or '0',
    expires = was[5] or '0', kept_expires = was[6] or '0', due = was[7] or '0',
  }
end

-- open reads all of it.
local COLD, COLD_NAMES
local function open()
  COLD = {CHANGES_NEWEST, CHANGES_EXPIRES, SUBSCRIPTIONS, COUNTED, MEMBERS_SIZE, LAST_PLACE, HAS_STORAGE, LINGERING, COUNT_WATCHERS}
  COLD_NAMES = {'changes_newest', 'changes_expires', 'subscriptions', 'counted', 'members_size', 'last_place', 'has_storage', 'lingering', 'count_watchers'}
  local c = open_hot()
  local was = redis.call('HMGET', STATE, unpack(COLD))
  c.cold = was
  c.changes_newest, c.changes_expires = was[1] or '', was[2] or '0'
  for i = 3, #COLD - 1 do
    c[COLD_NAMES[i]] = tonumber(was[i]) or 0
  end
  c.count_watchers = was[#COLD] or ''
  return c
end

-- changed appends the fields whose values are not what they were.
local function changed(set, c, fields, names, was)
  for i = 1, #fields do
    local v = c[names[i]]
    if type(v) == 'number' then
      v = text(v)
    end
    if v ~= was[i] and (was[i] or (v ~= '0' and v ~= '')) then
      set[#set + 1] = fields[i]
      set[#set + 1] = v
    end
  end
end

-- close writes what has changed, and delivers what was announced. The state
-- lives as long as anything that needs it, and a quarter of a window longer, so
-- that not every call must renew it.
local function close(c)
  local was, kept = c.expires, c.kept_expires
  local expires = was
  -- Publishing changes neither subscriptions nor members nor storage, so the expiry tells of them.
  local forever = was == '-1'
  if c.cold then
    forever = c.subscriptions > 0 or c.has_storage == 1 or c.lingering > 0
  end
  if forever or kept == '-1' then
    expires = '-1'
    if was ~= '-1' and was ~= '0' then
      redis.call('PERSIST', c.key)
    end
  else
    local need = STATE_END
    if kept > need then
      need = kept
    end
    if was < need then
      expires = time_text(tonumber(need) + WINDOW / 4)
    end
  end
  c.expires = expires
  local set = {}
  changed(set, c, HOT, HOT_NAMES, c.hot)
  if c.cold then
    changed(set, c, COLD, COLD_NAMES, c.cold)
  end
  if #set > 0 then
    redis.call('HSET', c.key, unpack(set))
  end
  if expires ~= was and expires ~= '-1' then
    expire_at(c.key, expires)
  end
  local heard = c.heard
  if #heard == 1 then
    redis.call(COMMAND, c.topic, heard[1])
  elseif #heard > 1 then
    redis.call(COMMAND, c.topic, table.concat(heard))
  end
end

-- next_id makes the id of the next item: from the clock, and greater than every
-- earlier one of the channel. Ids have a fixed width, so that their order is
-- that of their bytes. The second part starts at random in each millisecond and
-- grows by random steps: an id of a history that Redis has lost is not made
-- again. random is 24 decimal digits that were never used before.
local function next_id(c, random)
  local base, floor = c.newest, c.floor
  if floor > base then
    base = floor
  end
  local ms = string.sub(base, 1, 13)
  if ms < NOW_TEXT then
    return NOW_TEXT .. '-1' .. string.sub(random, 1, 15)
  end
  local seq = tonumber(string.sub(base, 15)) + 1 + tonumber(string.sub(random, 16, 24))
  if seq > 9e15 then
    return time_text(tonumber(ms) + 1) .. '-1' .. string.sub(random, 1, 15)
  end
  return ms .. '-' .. text(seq)
end

-- random makes the digits for the n-th id of an operation.
local DIGITS = {a = '0', b = '1', c = '2', d = '3', e = '4', f = '5'}
local function random(n)
  return (string.gsub(redis.sha1hex(OPERATION .. n), '%a', DIGITS))
end

-- announce has an item delivered when the script closes the channel: all those
-- of one script at once, each as its id, the id before it and itself.
local function announce(c, id, blob)
  local newest = c.newest
  local before = newest == '' and '0:' or '30:' .. newest
  c.heard[#c.heard + 1] = '30:' .. id .. before .. #blob .. ':' .. blob
  c.newest = id
end

-- append adds to one of the two streams. It returns when the stream expires.
local function append(c, stream, id, before, expires, blob)
  redis.call('XADD', stream, 'MAXLEN', '=', LIMIT, id, 'p', c.newest, 'u', before, 'b', blob)
  if expires < WINDOW_END then
    expires = STATE_END
    expire_at(stream, expires)
    redis.call('XTRIM', stream, 'MINID', '=', text(NOW - WINDOW))
  end
  return expires
end

-- change appends a change of presence or storage, and returns its id.
local changes = 0
local function change(c, blob)
  changes = changes + 1
  local id = next_id(c, random(changes))
  c.changes_expires = append(c, CHANGES, id, c.changes_newest, c.changes_expires, blob)
  c.changes_newest = id
  announce(c, id, blob)
  return id
end

-- due_at makes the channel due when something expires.
local function due_at(c, at)
  local due = c.due
  if due == '0' or at < due or due < time_text(NOW - 60000) then
    c.due = at
    redis.call('ZADD', DUE_CHANNELS, at, CHANNEL)
  end
end

-- free_bodies removes the bodies of messages, with what was added to them: see message.lua.
local function free_bodies(ids)
  local fields = {}
  for i, id in ipairs(ids) do
    fields[2 * i - 1], fields[2 * i] = id, id .. '+'
  end
  redis.call('HDEL', BODIES, unpack(fields))
end

-- purge removes up to n expired messages.
local function purge(n)
  local dead = redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', NOW_TEXT, 'LIMIT', 0, n)
  if #dead > 0 then
    redis.call('ZREM', EXPIRY, unpack(dead))
    redis.call('ZREM', ORDER, unpack(dead))
    free_bodies(dead)
  end
  return #dead
end

local function keep_message(c, id, keep, blob)
  local expires = '0'
  if keep > 0 then
    expires = time_text(tonumber(string.sub(id, 1, 13)) + keep)
  end
  redis.call('ZADD', ORDER, 0, id)
  redis.call('HSET', BODIES, id, expires .. ' ' .. c.newest .. ' ' .. blob)
  local kept = c.kept_expires
  if expires == '0' then
    if kept ~= '-1' then
      c.kept_expires = '-1'
      redis.call('PERSIST', ORDER)
      redis.call('PERSIST', BODIES)
      redis.call('PERSIST', EXPIRY)
    end
    return
  end
  redis.call('ZADD', EXPIRY, expires, id)
  if kept ~= '-1' and expires > kept then
    kept = time_text(tonumber(expires) + keep / 4 + 1000)
    c.kept_expires = kept
    expire_at(ORDER, kept)
    expire_at(BODIES, kept)
    expire_at(EXPIRY, kept)
  end
  local due = c.due
  if due ~= '0' and due <= NOW_TEXT then
    purge(4)
  end
  due_at(c, expires)
end

-- publish appends a message and returns its id. keep is in ms, -1 for ever;
-- digits are what next_id needs. The log gets logged in place of the message, if it is
-- given.
local function publish(c, keep, blob, digits, logged)
  local id = next_id(c, digits)
  if keep ~= -1 and keep < WINDOW then
    c.log_expires = append(c, LOG, id, c.log_newest, c.log_expires, logged or blob)
    c.log_newest = id
  end
  if keep ~= 0 then
    keep_message(c, id, keep, blob)
  end
  announce(c, id, blob)
  return id
end
