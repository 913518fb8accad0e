-- set writes or clears a storage entry, and announces it if its value changed.
--
-- RETURNS  ok: 1 if changed, the entry, the previous one

-- EMIT is 1 to report its expiry, CLEAR 1 to clear it.
local KEY, DIGEST, KEEP, EMIT, CLEAR, REST = unpack(ARGV, 8)

return operation(function()
  local c = open()
  local result = set(c, KEY, DIGEST, tonumber(KEEP), EMIT, CLEAR == '1', REST)
  close(c)
  return pack(result)
end)
