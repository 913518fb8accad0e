-- Put in front of every script that edits kept messages, or reads them.

-- The fields of a message's record are as in codec.go. The fourth is its data, and the
-- sixth is 1 if two more follow that say who sent it. After these come the ones at the end,
-- which are there only if one follows that is not empty: two, then how often the message was
-- edited, the notice of the newest update, its stream, and two more if it was appended to
-- after that. Of these, REPLACED is how often it had been edited when an update replaced
-- the data, and REPLACED_BY the notice of that. The last is PARTED if there is an addition.
local UPDATES, UPDATED, STREAM_OF, REPLACED, REPLACED_BY = 1, 2, 3, 4, 5
local PARTED = '1:+'

-- What is appended to a stream is not added at once to the message, which may be long, but
-- to its addition, beside it: when the message expires, how often it was edited with that,
-- the notice, how many bytes of the message's data are before what was added and how many
-- are behind, and that.
local ADDITION = '^(%d+) (%d+) (%S+)() (%d+) (%d+) ()'

local function addition_of(id)
  return id .. '+'
end

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

-- parse finds in the body of a message its data, which is not copied, and the rest.
local function parse(body)
  local expires, before, at = string.match(body, '^(%d+) (%S*) ()')
  at = skip(body, at, 3)
  local length, from = string.match(body, '^(%d+):()', at)
  local to = from + length
  local rest, missing = skip(body, to, 1)
  rest, missing = skip(body, rest, string.sub(body, rest, rest) == '1' and 5 or 3)
  local last = unpack_fields(string.sub(body, rest))
  local updates = tonumber(last[UPDATES]) or 0
  return {
    expires = expires, before = before, updates = updates, stream = last[STREAM_OF] or '',
    replaced = last[REPLACED] or text(updates), replaced_by = last[REPLACED_BY] or last[UPDATED] or '',
    -- Where in the body the length of the data is, the data, what is behind it, and the
    -- number of edits or where it would be if the missing fields were there.
    body = body, at = at, from = from, to = to, rest = rest, missing = missing,
  }
end

-- edited makes the body of a message that was edited so often, and last by what the notice
-- tells, with data that begins with so many bytes of what there was, and ends with others.
local function edited(m, updates, notice, head, data, tail, stream, replaced, replaced_by)
  local body = m.body
  return string.sub(body, 1, m.at - 1) .. head + #data + tail .. ':'
    .. string.sub(body, m.from, m.from + head - 1) .. data .. string.sub(body, m.to - tail, m.rest - 1)
    .. string.rep('0:', m.missing) .. pack({updates, notice, stream, replaced, replaced_by})
end

-- whole returns the body of a message with its addition in it.
local function whole(bodies, id, body)
  local addition = body and string.sub(body, -#PARTED) == PARTED and redis.call('HGET', bodies, addition_of(id))
  if not addition then
    return body
  end
  local _, updates, notice, _, head, tail, at = string.match(addition, ADDITION)
  local m = parse(body)
  return edited(m, updates, notice, head, string.sub(addition, at), tail, m.stream, m.replaced, m.replaced_by)
end
