-- read_after reads what a channel has had after an item, for a node that catches up.
--
-- KEYS     1 state   2 log   3 changes   4 order   5 bodies   6 members
-- ARGV     1 id of the item; '' to read only where the channel is
--          2 how many items   3 how many bytes   4 1 to read the members
-- RETURNS  ok: newest id, 1 if there are more items; then the items as a list of id,
--          id of the item before, item; then the members as in HGETALL

-- BESIDES is what an item takes in the reply besides its own bytes.
local BESIDES = 128

local newest = redis.call('HGET', KEYS[1], 'l') or ''
local after = ARGV[1]
local flat, more = {}, ''
if after ~= '' and after ~= newest then
  local sources = {stream(KEYS[2], after, '+'), stream(KEYS[3], after, '+'), kept(KEYS[4], KEYS[5], '(' .. after, '+')}
  more = merge(sources, false, tonumber(ARGV[2]), tonumber(ARGV[3]), BESIDES, function(id, item, before)
    flat[#flat + 1], flat[#flat + 2], flat[#flat + 3] = id, before, item
    return true
  end)
end
local reply = answer('ok', pack({newest, more}))
reply[4] = flat
reply[5] = ARGV[4] == '1' and redis.call('HGETALL', KEYS[6]) or {}
return reply
