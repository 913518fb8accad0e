-- entries reads storage entries.
--
-- RETURNS  ok: how many keys were looked at; then a list of the entries that are
--          there

local ENTRIES = unpack(KEYS, 1, 1)
local BYTES = unpack(ARGV, 1, 1) -- how many the answer may have; the first entry whatever its length
local WANTED = {unpack(ARGV, 2)}

return reading(function()
  local most, size, done, found = tonumber(BYTES), 0, 0, {}
  for _, key in ipairs(WANTED) do
    local entry = redis.call('HGET', ENTRIES, key)
    if entry then
      size = size + #entry
      if #found > 0 and size > most then
        break
      end
      found[#found + 1] = entry
    end
    done = done + 1
  end
  local reply = answer('ok', pack({text(done)}))
  reply[4] = found
  return reply
end)
