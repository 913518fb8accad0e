-- entries reads storage entries.
--
-- KEYS     1 entries
-- ARGV     1 how many bytes the answer may have   2... their keys
-- RETURNS  ok: how many keys were looked at; then a list of the entries that are
--          there

local most, size, done, found = tonumber(ARGV[1]), 0, 0, {}
for i = 2, #ARGV do
  local entry = redis.call('HGET', KEYS[1], ARGV[i])
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
