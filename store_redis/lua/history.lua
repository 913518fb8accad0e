-- history reads a page of kept messages.
--
-- RETURNS  ok: 1 if there are more, id after which they are; then a list of id, item
--
-- What has expired counts, too: it is read.

local ORDER, BODIES, STATE = unpack(KEYS, 1, 3)
-- LOW and HIGH are bounds as in ZRANGEBYLEX, REVERSE is 1 for newest first, COUNT and
-- BYTES how many, and BESIDES how many bytes each takes besides its own.
local LOW, HIGH, REVERSE, COUNT, BYTES, BESIDES = unpack(ARGV)

return reading(function()
  local reverse = REVERSE == '1'
  local low = after_erased(STATE, LOW)
  local more, last, flat = messages({kept(ORDER, BODIES, low, HIGH, reverse)}, reverse,
    tonumber(COUNT), tonumber(BYTES), tonumber(BESIDES))
  local reply = answer('ok', pack({more, last}))
  reply[4] = flat
  return reply
end)
