-- react adds a reaction to a kept message or removes it, and publishes the
-- notice of that.
--
-- KEYS     1-8 as in channel.lua   9-11 as in reactions.lua
-- ARGV     1-7 as in channel.lua   8 keep of the notice in ms   9 notice
--          10 message   11 reaction   12 user   13 metadata and origin; '' to remove
--          14 how many reactions the message may have, 15 the user, 16 how many
--          different ones; 0 any number
-- RETURNS  ok: 1 if changed, id of the notice, when the message expires, id of
--          the reaction, when it was added, metadata and origin; none; full

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local body = redis.call('HGET', BODY, ARGV[10])
local expires = body and tonumber(string.match(body, '^%d+'))
if not expires or (expires > 0 and expires <= NOW) then
  return answer('none')
end
local RECORDS, RECORD_ORDER, COUNTS = KEYS[9], KEYS[10], KEYS[11]
local reaction, user, add = ARGV[11], ARGV[12], ARGV[13] ~= ''
local field = pack({reaction, user})
local old = redis.call('HGET', RECORDS, field)
if (add and old) or (not add and not old) then
  return remember(pack({'', '', text(expires), '', '', ''}))
end

-- count makes the order and the counts those of the records.
local function count()
  for _, key in ipairs({RECORD_ORDER, COUNTS}) do
    redis.call('PEXPIREAT', key, '1')
  end
  local order, tally, users = recount(RECORDS)
  for _, member in ipairs(order) do
    redis.call('ZADD', RECORD_ORDER, 0, member)
  end
  for name, reactions in pairs(users) do
    redis.call('HSET', COUNTS, 'u' .. name, reactions)
  end
  redis.call('HSET', COUNTS, 'n', #order, 't', tally)
end
if not counted(RECORDS, COUNTS) then
  count()
end
local was = redis.call('HMGET', COUNTS, 'n', 't', 'u' .. user)
local total, tally, own = tonumber(was[1]) or 0, unpack_fields(was[2] or ''), unpack_fields(was[3] or '')
local at
for i = 1, #tally, 2 do
  if tally[i] == reaction then
    at = i + 1
  end
end
local function reached(n, most)
  return tonumber(most) > 0 and n >= tonumber(most)
end
if add and (reached(total, ARGV[14]) or reached(#own, ARGV[15])
    or (not at and reached(#tally / 2, ARGV[16]))) then
  return decline('full')
end

local c = open()
local id = publish(c, tonumber(ARGV[8]), ARGV[9], random(1))
local step = add and 1 or -1
local made, created, rest
if add then
  made, created, rest = id, text(NOW), ARGV[13]
  redis.call('HSET', RECORDS, field, pack({id, created}) .. rest)
  redis.call('ZADD', RECORD_ORDER, 0, id .. field)
  own[#own + 1] = reaction
  if not at then
    tally[#tally + 1], tally[#tally + 2] = reaction, '0'
    at = #tally
  end
else
  local f = unpack_fields(old)
  made, created, rest = f[1], f[2], pack({f[3], f[4]})
  redis.call('HDEL', RECORDS, field)
  redis.call('ZREM', RECORD_ORDER, made .. field)
  for i = #own, 1, -1 do
    if own[i] == reaction then
      table.remove(own, i)
    end
  end
end
tally[at] = text(tonumber(tally[at]) + step)
if tally[at] == '0' then
  table.remove(tally, at)
  table.remove(tally, at - 1)
end
redis.call('HSET', COUNTS, 'n', total + step, 't', pack(tally), 'u' .. user, pack(own))
if #own == 0 then
  redis.call('HDEL', COUNTS, 'u' .. user)
end
if total + step == 0 then
  redis.call('HDEL', COUNTS, 'n', 't')
elseif expires > 0 then
  for _, key in ipairs({RECORDS, RECORD_ORDER, COUNTS}) do
    redis.call('PEXPIREAT', key, text(expires))
  end
end
close(c)
return remember(pack({'1', id, text(expires), made, created, rest}))
