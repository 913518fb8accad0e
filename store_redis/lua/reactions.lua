-- reactions reads the reactions to messages.
--
-- KEYS     of the messages' reactions
-- RETURNS  ok: nothing; then for each key a list of field, value

local reply = answer('ok')
for i, key in ipairs(KEYS) do
  reply[3 + i] = redis.call('HGETALL', key)
end
return reply
