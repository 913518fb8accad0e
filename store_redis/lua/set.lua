-- set writes or clears a storage entry, and announces it if its value changed.
--
-- RETURNS  ok: 1 if changed, the entry, the previous one

-- EMIT is 1 to report its expiry, CLEAR 1 to clear it.
-- Nothing is written over an entry that is newer than NOT_AFTER; '' is any.
local KEY, DIGEST, KEEP, EMIT, CLEAR, REST, NOT_AFTER = unpack(ARGV, 8)

return operation(function()
  local c = open()
  local old = NOT_AFTER ~= '' and live_entry(KEY)
  if old and unpack_fields(old)[1] > NOT_AFTER then
    return pack({'', old, old})
  end
  local result = set(c, KEY, DIGEST, tonumber(KEEP), EMIT, CLEAR == '1', REST)
  close(c)
  return pack(result)
end)
