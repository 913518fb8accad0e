-- set writes or clears a storage entry, and announces it if its value changed.
--
-- RETURNS  ok: 1 if changed, the entry, the previous one, 1 if the condition was not met

-- EMIT is 1 to report its expiry, CLEAR 1 to clear it. CONDITION is as of the function.
local KEY, DIGEST, KEEP, EMIT, CLEAR, REST, CONDITION = unpack(ARGV, 8)

return operation(function()
  local c = open()
  local result = set(c, KEY, DIGEST, tonumber(KEEP), EMIT, CLEAR == '1', REST, CONDITION)
  close(c)
  return pack(result)
end)
