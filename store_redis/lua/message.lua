-- Put in front of every script that edits kept messages.

-- The fields of a message's record are as in codec.go. The fourth is its data, and the
-- sixth is 1 if two more follow that say who sent it. After these come the ones at the end,
-- which are there only if one follows that is not empty: two, then how often the message was
-- edited, the notice of the newest update, its stream, and two more if it was appended to
-- after that. Of these, REPLACED is how often it had been edited when an update replaced
-- the data, and REPLACED_BY the notice of that.
local UPDATES, UPDATED, STREAM_OF, REPLACED, REPLACED_BY = 1, 2, 3, 4, 5

-- skip returns where fields end that begin at a position, and how many of them are not
-- there.
local function skip(s, at, fields)
  for n = fields, 1, -1 do
    if at > #s then
      return at, n
    end
    local length, from = string.match(s, '^(%d+):()', at)
    at = from + length
  end
  return at, 0
end

-- find reads a kept message, unless that is erased, as what is up to newest_erased. It
-- returns nil and a status if it is not there, or is not of the version; 0 is any. A message
-- may be long, so its data is not copied.
local function find(id, newest_erased, version)
  local body = redis.call('HGET', BODIES, id)
  if not body or id <= newest_erased then
    return nil, 'none'
  end
  local expires, before, at = string.match(body, '^(%d+) (%S*) ()')
  if expires ~= '0' and expires <= NOW_TEXT then
    return nil, 'none'
  end
  at = skip(body, at, 3)
  local length, from = string.match(body, '^(%d+):()', at)
  local to = from + length
  local rest, missing = skip(body, to, 1)
  rest, missing = skip(body, rest, string.sub(body, rest, rest) == '1' and 5 or 3)
  local last = unpack_fields(string.sub(body, rest))
  local updates = tonumber(last[UPDATES]) or 0
  if version ~= '0' and tonumber(version) ~= updates + 1 then
    return nil, 'other'
  end
  return {
    id = id, before = before, updates = updates, stream = last[STREAM_OF] or '',
    replaced = last[REPLACED] or text(updates), replaced_by = last[REPLACED_BY] or last[UPDATED] or '',
    -- Where in the body the length of the data is, the data, what is behind it, and the
    -- number of edits or where it would be if the missing fields were there.
    body = body, at = at, from = from, to = to, rest = rest, missing = missing,
  }
end

-- save writes it as edited once more, by what the notice tells, with data that begins with
-- so many bytes of what there was, and ends with others.
local function save(m, notice, head, data, tail, stream, replaced, replaced_by)
  local body = m.body
  redis.call('HSET', BODIES, m.id, string.sub(body, 1, m.at - 1) .. head + #data + tail .. ':'
    .. string.sub(body, m.from, m.from + head - 1) .. data .. string.sub(body, m.to - tail, m.rest - 1)
    .. string.rep('0:', m.missing) .. pack({text(m.updates + 1), notice, stream, replaced, replaced_by}))
end
