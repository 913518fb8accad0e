-- read runs commands that change nothing, at once and together with the clock.
--
-- RETURNS  ok: nothing; then what each command returned

-- Of each command how many words it has, and these: its name, its key, which is one of
-- KEYS, and the rest.
local WORDS = {unpack(ARGV)}

return reading(function()
  local reply, at = answer('ok'), 1
  while at <= #WORDS do
    local last = at + tonumber(WORDS[at])
    reply[#reply + 1] = redis.call(unpack(WORDS, at + 1, last))
    at = last + 1
  end
  return reply
end)
