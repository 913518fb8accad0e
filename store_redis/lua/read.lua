-- read runs commands that change nothing, at once and together with the clock.
--
-- RETURNS  ok: nothing; then what each command returned

local COMMANDS = {unpack(ARGV)} -- each packed: its name, its key, which is one of KEYS, and the rest

return reading(function()
  local reply = answer('ok')
  for i, command in ipairs(COMMANDS) do
    reply[i + 3] = redis.call(unpack(unpack_fields(command)))
  end
  return reply
end)
