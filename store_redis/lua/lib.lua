-- Put in front of every script: the time, records of fields, and the fields of a
-- channel's state. The frames are in operation.lua and reading.lua.
--
-- Every reply is {status, now, record, ...}: now is Redis's clock in
-- milliseconds, record a list of fields (see pack). A status other than 'ok'
-- means that nothing was changed:
--   late   the deadline has passed
--   stale  the incarnation of the caller is no member of the partition
--   none   what was named does not exist
--   full   there would be more of something than is allowed
--   later  something else has to be done first
--   other  what was named is not as the caller expects it
--
-- The first keys and arguments are the same in every script that changes something:
-- the record of recent operations, the operation, and its deadline. Each script
-- names the rest of them at its top, and nothing else mentions KEYS or ARGV.

local OPERATIONS = unpack(KEYS, 1, 1)
local OPERATION, DEADLINE = unpack(ARGV, 1, 2)

local TIME = redis.call('TIME')
local NOW = TIME[1] * 1000 + math.floor(TIME[2] / 1000)

local function text(n)
  return string.format('%.0f', n)
end

-- time_text makes a time text that compares as the times do.
local function time_text(n)
  return string.format('%013.0f', n)
end
local NOW_TEXT = time_text(NOW)

-- pack joins fields, each as its length, a colon and its bytes.
local function pack(fields)
  local out = {}
  for i, f in ipairs(fields) do
    out[i] = #f .. ':' .. f
  end
  return table.concat(out)
end

local function unpack_fields(s)
  local out, at = {}, 1
  while at <= #s do
    local colon = string.find(s, ':', at, true)
    local n = tonumber(string.sub(s, at, colon - 1))
    out[#out + 1] = string.sub(s, colon + 1, colon + n)
    at = colon + n + 1
  end
  return out
end

-- The fields of a channel's state. Times are in ms as time_text makes them.
local NEWEST = 'l'          -- newest item
local FLOOR = 'f'           -- no id up to this one may be made
local FLOOR_HISTORY = 'i'   -- the history in which the floor is the position of those who subscribed before any item
local LOG_NEWEST = 'u'      -- newest item of the log
local CHANGES_NEWEST = 'a'  -- newest item of the changes
local LOST = 'd'            -- newest item that is known to be lost, or must not be replayed
local ERASED_TO = 'e'       -- newest item that is erased: what is kept up to it is as good as gone
local STATE_EXPIRES = 'w'   -- 0 not at all by itself, -1 never
local LOG_EXPIRES = 'v'
local CHANGES_EXPIRES = 'o'
local KEPT_EXPIRES = 'k'    -- when the keys of the kept messages do; -1 never
local DUE = 'j'             -- when something has to be removed next; 0 never
local SUBSCRIPTIONS = 'n'   -- numbers, from here on
local COUNTED = 'c'         -- subscriptions that are counted
local LAST_PLACE = 'q'      -- place of the newest member
local MEMBERS_SIZE = 'b'    -- what all members count for together
local HAS_STORAGE = 's'     -- 1 if there are entries
local LINGERING = 'g'       -- members who linger
local COUNT_WATCHERS = 'r'  -- topics of the nodes to be told that the subscriptions have changed

-- history names what Redis has replicated since it began. A restart and a change
-- of masters begin another one, which may lack the newest of the one before.
local function history()
  local info = redis.pcall('INFO', 'replication')
  local id = type(info) == 'string' and string.match(info, 'master_replid:(%w+)') or 'unknown'
  return string.sub(id, 1, 16) -- 64 bits of a random number are enough
end

local function answer(status, record)
  return {status, NOW_TEXT, record or ''}
end
