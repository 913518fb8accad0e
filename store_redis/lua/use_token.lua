-- use_token notes the use of a token.
--
-- KEYS     1 operations   2 the token
-- ARGV     1 operation    2 deadline   3 for how many ms
-- RETURNS  ok: 1 if this was the first use

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local first = redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[3])
return remember(pack({first and '1' or ''}))
