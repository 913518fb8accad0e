-- count counts the kept messages after an id.
--
-- RETURNS  ok: how many, LIMIT if there are more

local ORDER, EXPIRY, STATE = unpack(KEYS, 1, 3)
-- LOW is a bound as ZLEXCOUNT takes it.
local LOW, LIMIT = unpack(ARGV)
LIMIT = tonumber(LIMIT)

return reading(function()
  LOW = after_erased(STATE, LOW)
  local n = redis.call('ZLEXCOUNT', ORDER, LOW, '+')
  -- What has expired and is not removed yet, which is soon, does not count.
  local from = 0
  while n > 0 do
    local dead = redis.call('ZRANGEBYSCORE', EXPIRY, '-inf', NOW_TEXT, 'LIMIT', from, 1000)
    for _, id in ipairs(dead) do
      if LOW == '-' or id > string.sub(LOW, 2) then
        n = n - 1
      end
    end
    if #dead < 1000 then
      break
    end
    from = from + 1000
  end
  return answer('ok', pack({text(math.min(n, LIMIT))}))
end)
