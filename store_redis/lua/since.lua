-- since reads what a channel has had after an item, for a node that catches up.
--
-- KEYS     1 state   2 log   3 changes   4 order   5 bodies   6 members
-- ARGV     1 id of the item; '' to read only where the channel is
--          2 how many entries to read of each kind   3 1 to read the members
-- RETURNS  ok: newest id; then log, changes and kept messages as lists of
--          id, previous id, item; then the members as in HGETALL

local newest = redis.call('HGET', KEYS[1], 'l') or ''
local after = ARGV[1]
local reply = answer('ok', pack({newest}))
local function stream(key)
  local flat = {}
  if after ~= '' and after ~= newest then
    for _, e in ipairs(redis.call('XRANGE', key, '(' .. after, '+', 'COUNT', ARGV[2])) do
      local f = e[2]
      flat[#flat + 1], flat[#flat + 2], flat[#flat + 3] = e[1], f[2], f[6]
    end
  end
  return flat
end
reply[4] = stream(KEYS[2])
reply[5] = stream(KEYS[3])
local kept = {}
if after ~= '' and after ~= newest then
  local ids = redis.call('ZRANGEBYLEX', KEYS[4], '(' .. after, '+', 'LIMIT', 0, ARGV[2])
  if #ids > 0 then
    for i, body in ipairs(redis.call('HMGET', KEYS[5], unpack(ids))) do
      if body then
        local _, _, previous, item = string.find(body, '^%d+ ([%d-]*) (.*)$')
        kept[#kept + 1], kept[#kept + 2], kept[#kept + 3] = ids[i], previous, item
      end
    end
  end
end
reply[6] = kept
reply[7] = {}
if ARGV[3] == '1' then
  reply[7] = redis.call('HGETALL', KEYS[6])
end
return reply
