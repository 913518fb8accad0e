-- expired takes entries whose expiry is to be reported.
--
-- RETURNS  ok: the entries, each with its channel in front

local EXPIRED = unpack(KEYS, 2)
local COUNT, BYTES = unpack(ARGV, 3) -- how many at the most; the first whatever its length

return operation(function()
  local count, bytes, taken, size = tonumber(COUNT), tonumber(BYTES), {}, 0
  while #taken < count do
    local entry = redis.call('LRANGE', EXPIRED, #taken, #taken)[1]
    if not entry or (#taken > 0 and size + #entry > bytes) then
      break
    end
    taken[#taken + 1], size = entry, size + #entry
  end
  redis.call('LTRIM', EXPIRED, #taken, -1)
  return pack(taken)
end)
