-- Put in front of every script that edits kept messages.

-- find reads one, unless it is erased, as what is up to newest_erased. It returns nil and a
-- status if it is not there, or is not of the version; 0 is any.
local function find(id, newest_erased, version)
  local body = redis.call('HGET', BODIES, id)
  if not body or id <= newest_erased then
    return nil, 'none'
  end
  local m = parse(whole(BODIES, id, body))
  if m.expires ~= '0' and m.expires <= NOW_TEXT then
    return nil, 'none'
  end
  if version ~= '0' and tonumber(version) ~= m.updates + 1 then
    return nil, 'other'
  end
  m.id = id
  return m
end
