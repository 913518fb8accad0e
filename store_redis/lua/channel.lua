-- Put in front of every script that changes a channel.
--
-- KEYS  2 state of the channel          3 log: messages to be replayed
--       4 order of kept messages        5 their bodies     6 their expiries
--       7 the partition's visits to be made
--       8 changes of presence and storage
-- ARGV  3 PUBLISH or SPUBLISH           4 topic
--       5 replay window in ms           6 replay limit     7 channel
--
-- The state: l newest item, f floor below which no id may be made, u newest
-- item of the log, a of the changes, n subscriptions, c counted ones, b bytes
-- of the member list, q last place of a member, k when the kept messages' keys
-- expire, w this key, v the log, o the changes (ms; -1 never), s 1 if there is
-- storage, j next visit.

local STATE, LOG, ORDER, BODY, EXPIRY, VISITS, CHANGES =
  KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local TOPIC, WINDOW, LIMIT, CHANNEL = ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]

local FIELDS = {'l', 'f', 'u', 'a', 'n', 'c', 'b', 'q', 'k', 'w', 'v', 'o', 's', 'j'}
local IDS = {l = true, f = true, u = true, a = true}

local function open()
  local values = redis.call('HMGET', STATE, unpack(FIELDS))
  local c = {was = {}}
  for i, f in ipairs(FIELDS) do
    local v = values[i] or ''
    if not IDS[f] then
      v = tonumber(v) or 0
    end
    c[f], c.was[f] = v, v
  end
  return c
end

-- close writes what has changed. The state lives as long as anything that
-- needs it, and half a window longer, so that not every call must renew it.
local function close(c)
  local need = NOW + WINDOW + WINDOW / 4
  local forever = c.n > 0 or c.k == -1 or c.s == 1
  if c.k > need then
    need = c.k
  end
  local expire = false
  if forever then
    expire, c.w = c.w > 0, -1
  elseif need > c.w or (c.was.w == -1) then
    expire, c.w = true, math.floor(need + WINDOW / 4)
  end
  local set = {}
  for _, f in ipairs(FIELDS) do
    if c[f] ~= c.was[f] then
      set[#set + 1] = f
      set[#set + 1] = IDS[f] and c[f] or text(c[f])
    end
  end
  if #set > 0 then
    redis.call('HSET', STATE, unpack(set))
  end
  if expire then
    if c.w == -1 then
      redis.call('PERSIST', STATE)
    else
      redis.call('PEXPIREAT', STATE, text(c.w))
    end
  end
end

-- next_id makes the id of the next item: from the clock, and greater than every
-- earlier one of the channel. Ids have a fixed width, so that their order is
-- that of their bytes. The second part starts at random in each millisecond and
-- grows by random steps: an id of a history that Redis has lost is not made
-- again.
local ids_made = 0
local function next_id(c)
  ids_made = ids_made + 1
  local hex = redis.sha1hex(ARGV[1] .. ids_made)
  local base = c.l
  if c.f > base then
    base = c.f
  end
  local ms, seq = NOW, 1e15 + tonumber(string.sub(hex, 1, 12), 16)
  if base ~= '' then
    local last = tonumber(string.sub(base, 1, 13))
    if last >= ms then
      ms = last
      local step = tonumber(string.sub(base, 15)) + 1 + tonumber(string.sub(hex, 13, 20), 16)
      if step > 9e15 then
        ms = ms + 1
      else
        seq = step
      end
    end
  end
  return string.format('%013.0f-%.0f', ms, seq)
end

local function announce(c, id, blob)
  redis.call(ARGV[3], TOPIC, id .. ' ' .. c.l .. ' ' .. blob)
  c.l = id
end

-- append adds to one of the two streams. until is when the stream expires.
local function append(c, stream, id, before, until_ms, blob)
  redis.call('XADD', stream, 'MAXLEN', '=', LIMIT, id, 'p', c.l, 'u', before, 'b', blob)
  if NOW + WINDOW > until_ms then
    until_ms = math.floor(NOW + WINDOW + WINDOW / 4)
    redis.call('PEXPIREAT', stream, text(until_ms))
    redis.call('XTRIM', stream, 'MINID', '=', text(NOW - WINDOW))
  end
  return until_ms
end

-- change appends a change of presence or storage, and returns its id.
local function change(c, blob)
  local id = next_id(c)
  c.o = append(c, CHANGES, id, c.a, c.o, blob)
  c.a = id
  announce(c, id, blob)
  return id
end

-- visit asks that the channel be visited when something expires.
local function visit(c, at)
  if c.j == 0 or at < c.j or c.j < NOW - 60000 then
    c.j = at
    redis.call('ZADD', VISITS, text(at), CHANNEL)
  end
end

-- purge removes up to n expired messages.
local function purge(n)
  local dead = redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', text(NOW), 'LIMIT', 0, n)
  if #dead > 0 then
    redis.call('ZREM', EXPIRY, unpack(dead))
    redis.call('ZREM', ORDER, unpack(dead))
    redis.call('HDEL', BODY, unpack(dead))
  end
  return #dead
end

local function keep_message(c, id, keep, blob)
  local expires = 0
  if keep > 0 then
    expires = tonumber(string.sub(id, 1, 13)) + keep
  end
  redis.call('ZADD', ORDER, 0, id)
  redis.call('HSET', BODY, id, text(expires) .. ' ' .. c.l .. ' ' .. blob)
  if expires == 0 then
    if c.k ~= -1 then
      c.k = -1
      redis.call('PERSIST', ORDER)
      redis.call('PERSIST', BODY)
      redis.call('PERSIST', EXPIRY)
    end
    return
  end
  redis.call('ZADD', EXPIRY, text(expires), id)
  if c.k ~= -1 and expires > c.k then
    c.k = math.floor(expires + keep / 4 + 1000)
    redis.call('PEXPIREAT', ORDER, text(c.k))
    redis.call('PEXPIREAT', BODY, text(c.k))
    redis.call('PEXPIREAT', EXPIRY, text(c.k))
  end
  purge(4)
  visit(c, expires)
end

-- publish appends a message and returns its id. keep is in ms, -1 for ever.
local function publish(c, keep, blob)
  local id = next_id(c)
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
