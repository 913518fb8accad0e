-- Put in front of every script that changes a channel.
--
-- KEYS  2 state of the channel          3 log: messages to be replayed
--       4 order of kept messages        5 their bodies     6 their expiries
--       7 the partition's visits to be made
--       8 changes of presence and storage
-- ARGV  3 PUBLISH or SPUBLISH           4 replay window in ms
--       5 replay limit                  6 topic            7 channel
--
-- The state: l newest item, f floor below which no id may be made, u newest
-- item of the log, a of the changes, d newest item that is known to be lost, i the
-- history in which f is the position of who subscribed before any item ('' none); when expire: k the kept messages'
-- keys, w this key, v the log, o the changes, and j when the next visit is (times
-- in ms as time_text makes them; 0 not at all, -1 never); and as numbers: n subscriptions, c
-- counted ones, b what the members count for, q last place of a member, s 1 if
-- there is storage.

local COMMAND, WINDOW, LIMIT = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local WINDOW_END, STATE_END = time_text(NOW + WINDOW), time_text(NOW + WINDOW + WINDOW / 4)
local STATE, LOG, ORDER, BODY, EXPIRY, VISITS, CHANGES, TOPIC, CHANNEL

-- use makes the channel whose keys follow the first k, and whose arguments the
-- first a, the one to work with.
local function use(k, a)
  STATE, LOG, ORDER, BODY = KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], KEYS[k + 4]
  EXPIRY, VISITS, CHANGES = KEYS[k + 5], KEYS[k + 6], KEYS[k + 7]
  TOPIC, CHANNEL = ARGV[a + 1], ARGV[a + 2]
end
use(1, 5)

local function expire_at(key, t)
  redis.call('PEXPIREAT', key, text(tonumber(t)))
end

-- open_hot reads what publishing needs of the state.
local HOT = {'l', 'f', 'u', 'v', 'w', 'k', 'j'}
local function open_hot()
  local was = redis.call('HMGET', STATE, 'l', 'f', 'u', 'v', 'w', 'k', 'j')
  return {
    key = STATE, topic = TOPIC, hot = was, heard = {},
    l = was[1] or '', f = was[2] or '', u = was[3] or '',
    v = was[4] or '0', w = was[5] or '0', k = was[6] or '0', j = was[7] or '0',
  }
end

-- open reads all of it.
local COLD = {'a', 'o', 'n', 'c', 'b', 'q', 's'}
local function open()
  local c = open_hot()
  local was = redis.call('HMGET', STATE, unpack(COLD))
  c.cold = was
  c.a, c.o = was[1] or '', was[2] or '0'
  for i = 3, #COLD do
    c[COLD[i]] = tonumber(was[i]) or 0
  end
  return c
end

-- changed appends the fields whose values are not what they were.
local function changed(set, c, fields, was)
  for i = 1, #fields do
    local v = c[fields[i]]
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
  local was = c.w
  -- Publishing changes neither n nor s, so w tells of them.
  local forever = was == '-1'
  if c.cold then
    forever = c.n > 0 or c.s == 1
  end
  if forever or c.k == '-1' then
    c.w = '-1'
    if was ~= '-1' and was ~= '0' then
      redis.call('PERSIST', c.key)
    end
  else
    local need = STATE_END
    if c.k > need then
      need = c.k
    end
    if was < need then
      c.w = time_text(tonumber(need) + WINDOW / 4)
    end
  end
  local set = {}
  changed(set, c, HOT, c.hot)
  if c.cold then
    changed(set, c, COLD, c.cold)
  end
  if #set > 0 then
    redis.call('HSET', c.key, unpack(set))
  end
  if c.w ~= was and c.w ~= '-1' then
    expire_at(c.key, c.w)
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
  local base = c.l
  if c.f > base then
    base = c.f
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
  return (string.gsub(redis.sha1hex(ARGV[1] .. n), '%a', DIGITS))
end

-- announce has an item delivered when the script closes the channel: all those
-- of one script at once, each as its id, the id before it and itself.
local function announce(c, id, blob)
  local before = c.l == '' and '0:' or '30:' .. c.l
  c.heard[#c.heard + 1] = '30:' .. id .. before .. #blob .. ':' .. blob
  c.l = id
end

-- append adds to one of the two streams. It returns when the stream expires.
local function append(c, stream, id, before, expires, blob)
  redis.call('XADD', stream, 'MAXLEN', '=', LIMIT, id, 'p', c.l, 'u', before, 'b', blob)
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
  c.o = append(c, CHANGES, id, c.a, c.o, blob)
  c.a = id
  announce(c, id, blob)
  return id
end

-- visit asks that the channel be visited when something expires.
local function visit(c, at)
  if c.j == '0' or at < c.j or c.j < time_text(NOW - 60000) then
    c.j = at
    redis.call('ZADD', VISITS, at, CHANNEL)
  end
end

-- purge removes up to n expired messages.
local function purge(n)
  local dead = redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', NOW_TEXT, 'LIMIT', 0, n)
  if #dead > 0 then
    redis.call('ZREM', EXPIRY, unpack(dead))
    redis.call('ZREM', ORDER, unpack(dead))
    redis.call('HDEL', BODY, unpack(dead))
  end
  return #dead
end

local function keep_message(c, id, keep, blob)
  local expires = '0'
  if keep > 0 then
    expires = time_text(tonumber(string.sub(id, 1, 13)) + keep)
  end
  redis.call('ZADD', ORDER, 0, id)
  redis.call('HSET', BODY, id, expires .. ' ' .. c.l .. ' ' .. blob)
  if expires == '0' then
    if c.k ~= '-1' then
      c.k = '-1'
      redis.call('PERSIST', ORDER)
      redis.call('PERSIST', BODY)
      redis.call('PERSIST', EXPIRY)
    end
    return
  end
  redis.call('ZADD', EXPIRY, expires, id)
  if c.k ~= '-1' and expires > c.k then
    c.k = time_text(tonumber(expires) + keep / 4 + 1000)
    expire_at(ORDER, c.k)
    expire_at(BODY, c.k)
    expire_at(EXPIRY, c.k)
  end
  if c.j ~= '0' and c.j <= NOW_TEXT then
    purge(4)
  end
  visit(c, expires)
end

-- publish appends a message and returns its id. keep is in ms, -1 for ever;
-- digits are what next_id needs.
local function publish(c, keep, blob, digits)
  local id = next_id(c, digits)
  if keep ~= -1 and keep < WINDOW then
    c.v = append(c, LOG, id, c.u, c.v, blob)
    c.u = id
  end
  if keep ~= 0 then
    keep_message(c, id, keep, blob)
  end
  announce(c, id, blob)
  return id
end
