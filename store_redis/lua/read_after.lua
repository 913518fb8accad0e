-- read_after reads what a channel has had after an item, for a node that catches up.
--
-- RETURNS  ok: newest id, 1 if there are more items, how many members there are, what
--          they count for; then the items as a list of id, id of the item before, item

local STATE, LOG, CHANGES, ORDER, BODIES, MEMBERS, ERASED = unpack(KEYS, 1, 7)
-- ID is '' to read only where the channel is. COUNT and BYTES are how many items.
local ID, COUNT, BYTES = unpack(ARGV)
local BESIDES = 128 -- what an item takes in the reply besides its own bytes

return reading(function()
  local newest, size = unpack(redis.call('HMGET', STATE, NEWEST, MEMBERS_SIZE))
  newest = newest or ''
  local flat, more = {}, ''
  if ID ~= '' and ID ~= newest then
    local sources = {
      appended(stream(LOG, ID, '+'), BODIES), stream(CHANGES, ID, '+'), kept(ORDER, BODIES, after_erased(STATE, '(' .. ID), '+'), erased(ERASED, ID),
    }
    more = merge(sources, false, tonumber(COUNT), tonumber(BYTES), BESIDES, function(id, item, before)
      flat[#flat + 1], flat[#flat + 2], flat[#flat + 3] = id, before, item
      return true
    end)
  end
  local reply = answer('ok', pack({newest, more, text(redis.call('HLEN', MEMBERS)), size or '0'}))
  reply[4] = flat
  return reply
end)
