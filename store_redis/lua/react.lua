-- react adds a reaction to a kept message or removes it, and publishes the
-- notice of that.
--
-- RETURNS  ok: 1 if changed, id of the notice, when the message expires, id of
--          the reaction, when it was added, metadata and origin. none, full

local RECORDS, RECORD_ORDER, COUNTS = unpack(KEYS, 9)
-- ADDED is metadata and origin, '' to remove. The last three are how many reactions the
-- message may have, how many the user, and how many different ones; 0 is any number.
local KEEP, NOTICE, MESSAGE, REACTION, USER, ADDED, MOST, MOST_OF_USER, MOST_DIFFERENT = unpack(ARGV, 8)

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

local function reached(n, most)
  return tonumber(most) > 0 and n >= tonumber(most)
end

return operation(function()
  local body = redis.call('HGET', BODIES, MESSAGE)
  local expires = body and tonumber(string.match(body, '^%d+'))
  if not expires or (expires > 0 and expires <= NOW) or MESSAGE <= erased_to(STATE) then
    return answer('none')
  end
  local add, field = ADDED ~= '', pack({REACTION, USER})
  local old = redis.call('HGET', RECORDS, field)
  if (add and old) or (not add and not old) then
    return pack({'', '', text(expires), '', '', ''})
  end

  if not counted(RECORDS, COUNTS) then
    count()
  end
  local was = redis.call('HMGET', COUNTS, 'n', 't', 'u' .. USER)
  local total, tally, own = tonumber(was[1]) or 0, unpack_fields(was[2] or ''), unpack_fields(was[3] or '')
  local at
  for i = 1, #tally, 2 do
    if tally[i] == REACTION then
      at = i + 1
    end
  end
  if add and (reached(total, MOST) or reached(#own, MOST_OF_USER)
      or (not at and reached(#tally / 2, MOST_DIFFERENT))) then
    return decline('full')
  end

  local c = open()
  local id = publish(c, tonumber(KEEP), NOTICE, random(1))
  local step = add and 1 or -1
  local made, created, rest
  if add then
    made, created, rest = id, text(NOW), ADDED
    redis.call('HSET', RECORDS, field, pack({id, created}) .. rest)
    redis.call('ZADD', RECORD_ORDER, 0, id .. field)
    own[#own + 1] = REACTION
    if not at then
      tally[#tally + 1], tally[#tally + 2] = REACTION, '0'
      at = #tally
    end
  else
    local f = unpack_fields(old)
    made, created, rest = f[1], f[2], pack({f[3], f[4]})
    redis.call('HDEL', RECORDS, field)
    redis.call('ZREM', RECORD_ORDER, made .. field)
    for i = #own, 1, -1 do
      if own[i] == REACTION then
        table.remove(own, i)
      end
    end
  end
  tally[at] = text(tonumber(tally[at]) + step)
  if tally[at] == '0' then
    table.remove(tally, at)
    table.remove(tally, at - 1)
  end
  redis.call('HSET', COUNTS, 'n', total + step, 't', pack(tally), 'u' .. USER, pack(own))
  if #own == 0 then
    redis.call('HDEL', COUNTS, 'u' .. USER)
  end
  if total + step == 0 then
    redis.call('HDEL', COUNTS, 'n', 't')
  elseif expires > 0 then
    for _, key in ipairs({RECORDS, RECORD_ORDER, COUNTS}) do
      redis.call('PEXPIREAT', key, text(expires))
    end
  end
  close(c)
  return pack({'1', id, text(expires), made, created, rest})
end)
