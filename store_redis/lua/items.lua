-- Put in front of every script that reads items of a channel, and behind message.lua: from
-- several sources at once, in the order of their ids, and no more than is wanted.
--
-- A source is a function that reads the next n items, and returns their ids, the items,
-- the ids of the items before them (nil if the items have them), and true if it has no
-- more. Of a kept message the item is its body, which begins with its expiry and the id
-- before it.

-- PIECE is how many items a source reads at a time at the most. What is read and
-- does not fit is less than that.
local PIECE = 32

-- stream reads a stream, from after an id up to another.
local function stream(key, after, upto)
  return function(n)
    local ids, items, befores = {}, {}, {}
    for i, e in ipairs(redis.call('XRANGE', key, '(' .. after, upto, 'COUNT', n)) do
      after = e[1]
      if #after < 30 then
        after = string.rep('0', 30 - #after) .. after -- Streams leave out leading zeros.
      end
      ids[i], items[i], befores[i] = after, e[2][6], e[2][2]
    end
    return ids, items, befores, #ids < n
  end
end

-- Of an item that was edited away, its id is left, the id of the item before it, and if
-- it was in the log the id of the one before it there; with commas between.

-- erased_of reads what is left of an item, nil if it was not edited away.
local function erased_of(erased, id)
  return id ~= '' and redis.call('ZRANGEBYLEX', erased, '[' .. id, '(' .. id .. '~', 'LIMIT', 0, 1)[1] or nil
end

-- erased reads the items after an id that were edited away, each as ''.
local function erased(key, id)
  return function(n)
    local ids, items, befores = {}, {}, {}
    for i, member in ipairs(redis.call('ZRANGEBYLEX', key, '(' .. id .. '~', '+', 'LIMIT', 0, n)) do
      ids[i], befores[i] = string.match(member, '^([^,]*),([^,]*)')
      items[i] = ''
    end
    id = ids[#ids]
    return ids, items, befores, #ids < n
  end
end

-- places reads what another source does, but of each item only where it is.
local function places(read)
  return function(n)
    local ids, items, befores, done = read(n)
    for i = 1, #ids do
      items[i] = ''
    end
    return ids, items, befores, done
  end
end

-- discarded returns the newest item that a stream has discarded, which its oldest entry
-- names as the one before; of an empty stream, the newest that it had. What was edited
-- away was not discarded: then it is the one before that.
local function discarded(key, newest, erased)
  local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  local id = first and first[2][4] or newest or ''
  local before = erased and id
  while before do
    id = before
    before = string.match(erased_of(erased, id) or '', '^[^,]*,[^,]*,(.*)$')
  end
  return id
end

-- Of an append, the log has not the notice but where in the data of its message that is,
-- and what surrounds it: a record that begins with 'A', the message, how often that had
-- been edited with this append, the beginning and the length; then the notice without
-- what was appended, and the end of the notice's data.

-- The fields of a message's record that are needed, as in edit.lua.
local RECORD_DATA, RECORD_META, RECORD_REPLACED = 4, 6, 6

-- appended reads a source as it was published, with the notices of appends as they were:
-- '' for one that is not in its message any more.
local function appended(read, bodies)
  local known = {} -- data and replaced of messages
  local function message(id)
    local m = known[id]
    if not m then
      m = {replaced = math.huge} -- which no append follows
      local expires, _, item = string.match(whole(bodies, id, redis.call('HGET', bodies, id)) or '', '^(%d+) (%S*) (.*)$')
      if expires and (expires == '0' or expires > NOW_TEXT) then
        local record = unpack_fields(item)
        local last = RECORD_META + (record[RECORD_META] == '1' and 2 or 0)
        m = {data = record[RECORD_DATA], replaced = tonumber(record[last + RECORD_REPLACED]) or math.huge}
      end
      known[id] = m
    end
    return m
  end
  return function(n)
    local ids, items, befores, done = read(n)
    for i, item in ipairs(items) do
      if string.sub(item, 1, 3) == '1:A' then
        local _, id, updates, at, length, notice, tail = unpack(unpack_fields(item))
        local m = message(id)
        if tonumber(updates) > m.replaced then
          notice = unpack_fields(notice)
          notice[RECORD_DATA] = notice[RECORD_DATA] .. string.sub(m.data, at + 1, at + length) .. tail
          items[i] = pack(notice)
        else
          items[i] = ''
        end
      end
    end
    return ids, items, befores, done
  end
end

-- after_erased returns a lower bound as ZRANGEBYLEX takes it, or a greater one behind
-- what is erased.
local function after_erased(state, low)
  local bound = '(' .. (redis.call('HGET', state, ERASED_TO) or '')
  if bound ~= '(' and (low == '-' or low < bound) then
    return bound
  end
  return low
end

-- kept reads kept messages between two bounds as ZRANGEBYLEX takes them, or from the
-- newest.
local function kept(order, bodies, low, high, reverse)
  return function(n)
    local ids
    if reverse then
      ids = redis.call('ZREVRANGEBYLEX', order, high, low, 'LIMIT', 0, n)
    else
      ids = redis.call('ZRANGEBYLEX', order, low, high, 'LIMIT', 0, n)
    end
    if #ids == 0 then
      return ids, ids, nil, true
    end
    if reverse then
      high = '(' .. ids[#ids]
    else
      low = '(' .. ids[#ids]
    end
    local items = redis.call('HMGET', bodies, unpack(ids))
    for i, id in ipairs(ids) do
      items[i] = whole(bodies, id, items[i])
    end
    return ids, items, nil, #ids < n
  end
end

-- merge calls take with the id, the item and the id before of each item of the sources
-- once, in the order of the ids, until it has returned true for count of them or
-- 'stop', or together they have so many bytes, with what each takes besides its own. The first is
-- taken whatever its length. It returns '1' if there are more, and the id of the last
-- one.
local function merge(sources, reverse, count, bytes, besides, take)
  local states = {}
  for i, read in ipairs(sources) do
    states[i] = {read = read, ids = {}, at = 1}
  end
  local n, size, longest, last = 0, 0, bytes, ''
  while true do
    -- first has the next item, and bound is the next one of the others.
    local first, id, bound
    for i = 1, #states do
      local s = states[i]
      if not s.ids[s.at] and not s.done then
        local fit = math.floor((bytes - size) / longest)
        s.ids, s.items, s.befores, s.done = s.read(math.max(1, math.min(PIECE, fit, count - n)))
        s.at = 1
      end
      local head = s.ids[s.at]
      if head and (not id or (not reverse and head < id) or (reverse and head > id)) then
        first, id, bound = s, head, id
      elseif head and (not bound or (not reverse and head < bound) or (reverse and head > bound)) then
        bound = head
      end
    end
    if not first then
      return '', last
    end
    local ids, items, befores, at = first.ids, first.items, first.befores, first.at
    repeat
      local item = items[at]
      if item and id ~= last then
        local length = #item + besides
        if n == count or (last ~= '' and size + length > bytes) then
          return '1', last
        end
        local taken = take(id, item, befores and befores[at] or '')
        if taken == 'stop' then
          return '', last
        elseif taken then
          n = n + 1
        end
        if last == '' or length > longest then
          longest = length
        end
        size, last = size + length, id
      end
      at = at + 1
      id = ids[at]
    until not id or (bound and ((not reverse and id > bound) or (reverse and id < bound)))
    first.at = at
  end
end

-- before_kept returns the id of the item before a kept message, of its body.
local function before_kept(body)
  return string.match(body, '^%d+ (%S*) ')
end

-- expired reports whether an item is a kept message that has expired. One that never
-- expires begins with '0 ', and one of a stream with '1:'.
local function expired(item)
  local _, second = string.byte(item, 1, 2)
  return second ~= 32 and second ~= 58 and string.sub(item, 1, 13) <= NOW_TEXT
end

-- messages takes the messages of some sources that have not expired, and returns '1'
-- if there are more, the id of the last one passed, and a list of id, item. If there is
-- a check, it is given each item first, and stops it with true.
local function messages(sources, reverse, count, bytes, besides, check)
  local flat, n = {}, 0
  local more, last = merge(sources, reverse, count, bytes, besides, function(id, item, before)
    if check and check(id, item, before) then
      return 'stop'
    elseif item == '' or expired(item) then
      return false
    end
    flat[n + 1], flat[n + 2], n = id, item, n + 2
    return true
  end)
  return more, last, flat
end
