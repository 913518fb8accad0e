-- Put in front of every script that only reads: a replica refuses it, for what it
-- has may be stale. It does not know its role in a script, but refuses a write,
-- even one that changes nothing: the last of the keys never exists. That a master
-- accepts no write for the time being, for want of replicas or of room on its
-- disk, does not matter here.

local WRITE, NOTHING = 'HDEL', KEYS[#KEYS]
local refused = redis.pcall(WRITE, NOTHING, '')
if type(refused) == 'table' and refused.err and string.find(refused.err, 'READONLY', 1, true) then
  return refused
end
