-- Put in front of every script that changes subscriptions.
--
-- A subscription is: 1 if counted, 1 if a member, uid, umd, digest of umd. A
-- member is: place, subscriptions, what it counts for, umd, digest of umd, and what
-- newer versions have added. Older versions have not written digests.
--
-- A member without subscriptions lingers: it is removed when its time has come, if it
-- has none then. Older versions only know those who come back: they leave them where
-- they linger.

-- Subscriptions of one incarnation to the channel, members of the channel, channels
-- that the incarnation is subscribed to, and leases of the partition; then by when they
-- are removed, the members of all channels of the partition that linger, each as
-- channel, uid.
local SUBS, MEMBERS, OWNED, LEASES, LINGERING_MEMBERS = unpack(KEYS, 9)
-- The members are listed if they count for no more than LISTED.
local INCARNATION, LISTED = unpack(ARGV, 8, 9)

-- with_members adds the members to a reply, as in HGETALL; nil if they are not wanted or
-- not listed.
local function with_members(reply, wanted)
  wanted = wanted and tonumber(redis.call('HGET', STATE, MEMBERS_SIZE) or 0) <= tonumber(LISTED)
  reply[#reply + 1] = wanted and redis.call('HGETALL', MEMBERS)
end

-- seek makes the subscriptions of the incarnation that has the connection the
-- ones to work with, if the caller's own has it not. Their keys differ in the
-- incarnation alone.
local function seek(connection)
  if redis.call('HEXISTS', SUBS, connection) == 1 then
    return
  end
  local subs = string.sub(SUBS, 1, -1 - #INCARNATION)
  for _, inc in ipairs(redis.call('ZRANGE', LEASES, 0, -1)) do
    if redis.call('HEXISTS', subs .. inc, connection) == 1 then
      SUBS, OWNED = subs .. inc, string.sub(OWNED, 1, -1 - #INCARNATION) .. inc
      return
    end
  end
end
local ADDED, UPDATED, REMOVED = '1', '2', '3'

local function member(uid)
  local raw = redis.call('HGET', MEMBERS, uid)
  if raw then
    local f = unpack_fields(raw)
    return {
      place = f[1], refs = tonumber(f[2]), size = tonumber(f[3]), umd = f[4], digest = f[5] or '',
      added = pack({unpack(f, 6)}),
    }
  end
end

local function put_member(uid, m)
  redis.call('HSET', MEMBERS, uid, pack({m.place, text(m.refs), text(m.size), m.umd, m.digest}) .. (m.added or ''))
end

-- equal compares metadata by its digests, and by its bytes if one has none.
local function equal(umd, digest, other_umd, other_digest)
  if digest == '' or other_digest == '' then
    return umd == other_umd
  end
  return digest == other_digest
end

local function announce_member(c, kind, exclude, uid, m)
  return change(c, pack({'P', exclude, kind, m.place, uid, m.umd}))
end

-- put_umd changes a member's metadata; it returns the kind of change.
local function put_umd(c, uid, m, umd, digest, size)
  if equal(m.umd, m.digest, umd, digest) then
    put_member(uid, m)
    return ''
  end
  c.members_size = c.members_size + size - m.size
  m.umd, m.digest, m.size = umd, digest, size
  put_member(uid, m)
  announce_member(c, UPDATED, '', uid, m)
  return UPDATED
end

-- linger has a member removed after a grace, of which the node is told that does so if
-- no other member is removed before. A grace has its length in ms, the topic of that
-- node, and the partition. stay withdraws the removal.
local function linger(c, uid, grace)
  local who = pack({CHANNEL, uid})
  c.lingering = c.lingering + redis.call('ZADD', LINGERING_MEMBERS, text(NOW + grace.ms), who)
  if redis.call('ZRANGE', LINGERING_MEMBERS, 0, 0)[1] == who then
    redis.call('PUBLISH', grace.topic, 'due ' .. grace.partition .. ' ' .. text(grace.ms))
  end
end
local function stay(c, uid)
  c.lingering = math.max(0, c.lingering - redis.call('ZREM', LINGERING_MEMBERS, pack({CHANNEL, uid})))
end

local function remove_member(c, uid, m)
  redis.call('HDEL', MEMBERS, uid)
  c.members_size = math.max(0, c.members_size - m.size)
  announce_member(c, REMOVED, '', uid, m)
end

-- drop_member ends one subscription of a member, who lingers for the grace, if there is
-- one, if it was the last; it returns the kind of change and the member's place.
local function drop_member(c, uid, grace)
  local m = member(uid)
  if not m then
    return '', ''
  end
  m.refs = m.refs - 1
  if m.refs > 0 or grace then
    put_member(uid, m)
    if m.refs <= 0 then
      linger(c, uid, grace)
    end
    return '', ''
  end
  remove_member(c, uid, m)
  return REMOVED, m.place
end

-- tell_count tells the nodes that watch the count if there are other subscriptions than
-- before, once: each has to ask again. Also of those that are not counted, so that a
-- node that has died is told for the last time when its subscriptions are removed.
local function tell_count(c)
  if c.count_watchers == '' then
    return
  end
  if c.subscriptions ~= (tonumber(c.cold[3]) or 0) or c.counted ~= (tonumber(c.cold[4]) or 0) then
    for _, topic in ipairs(unpack_fields(c.count_watchers)) do
      redis.call('PUBLISH', topic, pack({'count', CHANNEL}))
    end
    c.count_watchers = ''
  end
end

-- grace_of reads a grace; nil if it is 0.
local function grace_of(ms, topic, partition)
  return ms ~= '0' and {ms = tonumber(ms), topic = topic, partition = partition} or nil
end

-- leave ends a subscription and returns: connection, uid, umd, 1 if counted,
-- count that remains, kind of change, place and umd of the member removed.
local function leave(c, connection, grace)
  local raw = redis.call('HGET', SUBS, connection)
  if not raw then
    return nil
  end
  redis.call('HDEL', SUBS, connection)
  local s = unpack_fields(raw)
  c.subscriptions = math.max(0, c.subscriptions - 1)
  if s[1] == '1' then
    c.counted = math.max(0, c.counted - 1)
  end
  local kind, place, umd = '', '', ''
  if s[2] == '1' then
    local m = member(s[3])
    umd = m and m.umd or ''
    kind, place = drop_member(c, s[3], grace)
  end
  if redis.call('EXISTS', SUBS) == 0 then
    redis.call('SREM', OWNED, CHANNEL)
  end
  return {connection, s[3], s[4], s[1], text(c.counted), kind, place, umd}
end
