-- read_after reads what a channel has had after an item, for a node that catches up.
--
-- RETURNS  ok: newest id, 1 if there are more items; then the items as a list of id,
--          id of the item before, item; then the members as in HGETALL

local STATE, LOG, CHANGES, ORDER, BODIES, MEMBERS = unpack(KEYS, 1, 6)
-- ID is '' to read only where the channel is. COUNT and BYTES are how many items, and
-- WITH_MEMBERS 1 to read the members.
local ID, COUNT, BYTES, WITH_MEMBERS = unpack(ARGV)
local BESIDES = 128 -- what an item takes in the reply besides its own bytes

return reading(function()
  local newest = redis.call('HGET', STATE, NEWEST) or ''
  local flat, more = {}, ''
  if ID ~= '' and ID ~= newest then
    local sources = {stream(LOG, ID, '+'), stream(CHANGES, ID, '+'), kept(ORDER, BODIES, '(' .. ID, '+')}
    more = merge(sources, false, tonumber(COUNT), tonumber(BYTES), BESIDES, function(id, item, before)
      flat[#flat + 1], flat[#flat + 2], flat[#flat + 3] = id, before, item
      return true
    end)
  end
  local reply = answer('ok', pack({newest, more}))
  reply[4] = flat
  reply[5] = WITH_MEMBERS == '1' and redis.call('HGETALL', MEMBERS) or {}
  return reply
end)
