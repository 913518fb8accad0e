-- clean removes what has expired in a channel, and sets when to look again.
--
-- RETURNS  ok: 1 if there is more that has expired

return operation(function()
  purge(500)
  expire_entries(100)
  local due
  for _, key in ipairs({EXPIRY, KEY_EXPIRY}) do
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if first[2] and (not due or tonumber(first[2]) < due) then
      due = tonumber(first[2])
    end
  end
  if redis.call('EXISTS', STATE) == 1 then
    local c = open()
    c.due = due and time_text(due) or '0'
    c.has_storage = redis.call('EXISTS', ENTRIES)
    if redis.call('EXISTS', ORDER) == 0 then
      c.kept_expires = '0'
    end
    close(c)
  end
  if due then
    redis.call('ZADD', DUE_CHANNELS, text(due), CHANNEL)
  else
    redis.call('ZREM', DUE_CHANNELS, CHANNEL)
  end
  return pack({due and due <= NOW and '1' or ''})
end)
