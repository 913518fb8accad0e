-- erase_free frees messages that are erased, and the reactions to them.
--
-- KEYS     after those of the channel: of each message the records of its reactions,
--          their order and counts
-- RETURNS  ok: how many were freed, 1 if there may be more

-- UNTIL is the newest item that is erased.
local UNTIL = unpack(ARGV, 8, 8)
local FIRST_ID, FIRST_KEY = 9, 9
-- ELEMENTS is how many reactions one run frees, roughly. If one message has more than
-- THREAD, Redis frees them in a thread, beside its work.
local ELEMENTS, THREAD = 5000, 64

return operation(function()
  local ids, elements = {}, 0
  for i = 0, #ARGV - FIRST_ID do
    local id = unpack(ARGV, FIRST_ID + i, FIRST_ID + i)
    local records, order, counts = unpack(KEYS, FIRST_KEY + 3 * i, FIRST_KEY + 3 * i + 2)
    local n = redis.call('HLEN', records)
    elements = elements + math.min(n, THREAD)
    if id > UNTIL or (#ids > 0 and elements > ELEMENTS) then
      break
    end
    if n > 0 then
      redis.call('UNLINK', records, order, counts)
    end
    ids[#ids + 1] = id
  end
  if #ids > 0 then
    redis.call('ZREM', ORDER, unpack(ids))
    free_bodies(ids)
    redis.call('ZREM', EXPIRY, unpack(ids))
  end
  local left = redis.call('EXISTS', ORDER) == 1
  if not left and redis.call('EXISTS', STATE) == 1 then
    local c = open()
    c.kept_expires = '0'
    close(c)
  end
  return pack({text(#ids), left and #ids > 0 and '1' or ''})
end)
