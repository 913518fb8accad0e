-- erase begins an erasure: from now on nobody finds what was published on a channel,
-- or, of what is not kept, catches up with it. It publishes a notice after that.
--
-- RETURNS  ok: newest item that is erased, id of the notice, 1 if messages are to be
--          freed

-- ALL is 1 to erase kept messages, too, and NOTICE '' for none.
local ALL, KEEP, NOTICE = unpack(ARGV, 8)

return operation(function()
  local c = open()
  local newest = c.newest
  if newest == '' then
    if c.floor == '' then
      c.floor = next_id(c, random(0))
    end
    newest = c.floor
  end
  for _, stream in ipairs({LOG, CHANGES}) do
    redis.call('XTRIM', stream, 'MAXLEN', '=', '0')
  end
  redis.call('HSET', STATE, LOST, newest)
  local more = ''
  if ALL == '1' then
    redis.call('HSET', STATE, ERASED_TO, newest)
    more = redis.call('EXISTS', ORDER) == 1 and '1' or ''
  end
  local id = ''
  if NOTICE ~= '' then
    id = publish(c, tonumber(KEEP), NOTICE, random(1))
  end
  close(c)
  return pack({newest, id, more})
end)
