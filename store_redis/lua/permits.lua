-- permits tells what the user of the connection may not do, so that this is
-- known at the start, and not in the middle of a script.
--
-- RETURNS  ok: nothing; then a list of commands that are forbidden, with this key
--          or topic. Before 7.0, Redis cannot tell.

local KEY = unpack(KEYS, 1, 1)
local TOPIC, TOPIC_COMMANDS = unpack(ARGV, 1, 2) -- how many of the commands take a topic: the first ones
local COMMANDS = {unpack(ARGV, 3)}

return reading(function()
  local denied = {}
  if redis.acl_check_cmd then
    for i, command in ipairs(COMMANDS) do
      local may
      if i <= tonumber(TOPIC_COMMANDS) then
        may = redis.acl_check_cmd(command, TOPIC)
      else
        may = redis.acl_check_cmd(command, KEY, KEY, KEY, KEY)
      end
      if not may then
        denied[#denied + 1] = command
      end
    end
  end
  local reply = answer('ok')
  reply[4] = denied
  return reply
end)
