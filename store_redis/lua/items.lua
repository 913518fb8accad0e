-- Put in front of every script that reads items of a channel: from several sources at
-- once, in the order of their ids, and no more than is wanted.
--
-- A source is a function that reads the next n items, and returns them as {id, item,
-- id of the item before, true if it has expired} and true if it has no more. Of a kept
-- message the item is its body, which begins with its expiry and the id before it.

-- PIECE is how many items a source reads at a time at the most. What is read and
-- does not fit is less than that.
local PIECE = 32

-- stream reads a stream, from after an id up to another.
local function stream(key, after, upto)
  return function(n)
    local items = redis.call('XRANGE', key, '(' .. after, upto, 'COUNT', n)
    for i, e in ipairs(items) do
      after = e[1]
      -- Streams leave out leading zeros.
      items[i] = {string.rep('0', 30 - #after) .. after, e[2][6], e[2][2]}
    end
    return items, #items < n
  end
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
    local items = {}
    if #ids == 0 then
      return items, true
    end
    for i, body in ipairs(redis.call('HMGET', bodies, unpack(ids))) do
      if body then
        local expired = string.sub(body, 1, 2) ~= '0 ' and string.sub(body, 1, 13) <= NOW_TEXT
        items[#items + 1] = {ids[i], body, '', expired}
      end
    end
    if reverse then
      high = '(' .. ids[#ids]
    else
      low = '(' .. ids[#ids]
    end
    return items, #ids < n
  end
end

-- merge calls take with each item of the sources once, by id, until it has returned
-- true for count of them, or together they have so many bytes, with what each takes
-- besides its own. The first is taken whatever its length. It returns '1' if there
-- are more, and the id of the last one.
local function merge(sources, reverse, count, bytes, besides, take)
  local states = {}
  for i, read in ipairs(sources) do
    states[i] = {read = read, items = {}, at = 1}
  end
  local n, size, longest, last = 0, 0, bytes, ''
  while true do
    local first, id
    for i = 1, #states do
      local s = states[i]
      while not s.items[s.at] and not s.done do
        local fit = math.floor((bytes - size) / longest)
        s.items, s.done = s.read(math.max(1, math.min(PIECE, fit, count - n)))
        s.at = 1
      end
      local e = s.items[s.at]
      if e and (not id or (not reverse and e[1] < id) or (reverse and e[1] > id)) then
        first, id = s, e[1]
      end
    end
    if not first then
      return '', last
    end
    local e = first.items[first.at]
    first.at = first.at + 1
    if id ~= last then
      local length = #e[2] + besides
      if n == count or (last ~= '' and size + length > bytes) then
        return '1', last
      end
      if take(e) then
        n = n + 1
      end
      if last == '' or length > longest then
        longest = length
      end
      size, last = size + length, id
    end
  end
end

-- messages takes the messages of some sources that have not expired, and returns '1'
-- if there are more, the id of the last one passed, and a list of id, item.
local function messages(sources, reverse, count, bytes, besides)
  local flat = {}
  local more, last = merge(sources, reverse, count, bytes, besides, function(e)
    if e[4] then
      return false
    end
    flat[#flat + 1], flat[#flat + 2] = e[1], e[2]
    return true
  end)
  return more, last, flat
end
