-- Put in front of every script that reads or changes reactions. Each message that
-- somebody reacted to has three keys, which expire with it:
--   records  by pack{reaction, user}: id, when it was added, metadata, origin
--   order    the id and the field of each record, in the order of the ids
--   counts   n: how many records; t: each reaction and how many there are of it,
--            in the order in which they first came; u and a user: this user's
--            reactions, in their order
-- Version 0.1 knew only the records. So n tells whether the others are true.

-- message_of returns the id of the message in the name of its records.
local function message_of(records)
  return string.sub(records, -30)
end

-- erased_to returns the newest item of a channel that is erased, '' if there is none.
local function erased_to(state)
  return redis.call('HGET', state, ERASED_TO) or ''
end

-- id_of returns the id in a record.
local function id_of(record)
  return string.sub(record, 4, 33)
end

-- recount returns the order, as a list, and the tally of what is recorded; and
-- each user's reactions.
local function recount(records)
  local all = redis.call('HGETALL', records)
  local order, tally, at, users = {}, {}, {}, {}
  for i = 1, #all, 2 do
    order[#order + 1] = id_of(all[i + 1]) .. all[i]
  end
  table.sort(order)
  for _, member in ipairs(order) do
    local f = unpack_fields(string.sub(member, 31))
    if not at[f[1]] then
      at[f[1]] = #tally + 2
      tally[#tally + 1], tally[#tally + 2] = f[1], 0
    end
    tally[at[f[1]]] = tally[at[f[1]]] + 1
    users[f[2]] = (users[f[2]] or '') .. pack({f[1]})
  end
  for i = 2, #tally, 2 do
    tally[i] = text(tally[i])
  end
  return order, pack(tally), users
end

-- counted reports whether the counts are true, and returns the tally.
local function counted(records, counts)
  local was = redis.call('HMGET', counts, 'n', 't')
  return (tonumber(was[1]) or 0) == redis.call('HLEN', records), was[2] or ''
end
