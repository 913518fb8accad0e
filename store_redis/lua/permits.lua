-- permits tells what the user of the connection may not do, so that this is
-- known at the start, and not in the middle of a script.
--
-- KEYS     1 a key
-- ARGV     1 a topic   2 how many commands take a topic   3... these, and then
--          those that take keys
-- RETURNS  ok: nothing; then a list of commands that are forbidden, with this key
--          or topic. Before 7.0, Redis cannot tell.

local denied = {}
if redis.acl_check_cmd then
  local key = KEYS[1]
  for i = 3, #ARGV do
    local may
    if i < 3 + tonumber(ARGV[2]) then
      may = redis.acl_check_cmd(ARGV[i], ARGV[1])
    else
      may = redis.acl_check_cmd(ARGV[i], key, key, key, key)
    end
    if not may then
      denied[#denied + 1] = ARGV[i]
    end
  end
end
local reply = answer('ok')
reply[4] = denied
return reply
