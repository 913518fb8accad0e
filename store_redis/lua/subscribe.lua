-- subscribe records a connection as a subscriber, and announces the member.
--
-- KEYS     1-8 as in channel.lua, 9-12 as in presence.lua
-- ARGV     1-7 as in channel.lua, 8 as in presence.lua
--          9 connection   10 1 if counted   11 1 for a member   12 uid   13 umd
--          14 what the member counts for   15 what all of them may count for
--          16 digest of umd
-- RETURNS  ok: kind of change; then position, count, and the members as in
--          HGETALL

-- position is the newest item's id. Where there was no item, it is an id made for
-- that in this history, below all that follow: a client can name it to catch up.
local function position(c)
  if c.l ~= '' then
    return c.l
  end
  local now = history()
  if redis.call('HGET', STATE, 'i') ~= now then
    c.f = next_id(c, random(0))
    redis.call('HSET', STATE, 'i', now)
  end
  return c.f
end

local function state(c, record, at)
  local reply = answer('ok', record)
  reply[4], reply[5] = at, text(c.c)
  reply[6] = redis.call('HGETALL', MEMBERS)
  return reply
end

local seen, refuse = recall()
if seen then
  local c = open()
  return state(c, seen, c.l ~= '' and c.l or c.f)
elseif refuse then
  return refuse
elseif not redis.call('ZSCORE', LEASES, INCARNATION) then
  return answer('stale')
end
local connection, counted, joins, uid, umd = ARGV[9], ARGV[10], ARGV[11] == '1', ARGV[12], ARGV[13]
local size, digest = tonumber(ARGV[14]), ARGV[16]
local c = open()
local raw = redis.call('HGET', SUBS, connection)
local old = raw and unpack_fields(raw)
local was_uid = old and old[2] == '1' and old[3]
local m = joins and member(uid)
-- Another connection of the member may have changed its metadata since.
local same = m and was_uid == uid and equal(old[4], old[5] or '', umd, digest)
if joins and not same then
  local more = size
  if m then
    more = equal(m.umd, m.digest, umd, digest) and 0 or size - m.size
  end
  if was_uid and was_uid ~= uid then
    local other = member(was_uid)
    if other and other.refs == 1 then
      more = more - other.size
    end
  end
  if more > 0 and c.b + more > tonumber(ARGV[15]) then
    return decline('full')
  end
end
redis.call('HSET', SUBS, connection, pack({counted, ARGV[11], uid, umd, digest}))
redis.call('SADD', OWNED, CHANNEL)
if not old then
  c.n = c.n + 1
elseif old[1] == '1' then
  c.c = c.c - 1
end
if counted == '1' then
  c.c = c.c + 1
end
local kind = ''
if was_uid and not (joins and was_uid == uid) then
  kind = drop_member(c, was_uid)
end
if joins and not same then
  if m then
    if was_uid ~= uid then
      m.refs = m.refs + 1
    end
    kind = put_umd(c, uid, m, umd, digest, size)
  else
    c.q = c.q + 1
    c.b = c.b + size
    m = {place = text(c.q), refs = 1, size = size, umd = umd, digest = digest}
    put_member(uid, m)
    announce_member(c, ADDED, connection, uid, m)
    kind = ADDED
  end
end
local at = position(c)
close(c)
return state(c, remember(pack({kind}))[3], at)
