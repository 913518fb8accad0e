-- tallies counts the reactions to messages.
--
-- KEYS     of each message its three, as in reactions.lua
-- ARGV     1 how many of the first reactions to each are wanted   2 user whose
--          reactions are wanted besides, or ''   3 how many bytes the answer may have
-- RETURNS  ok: nothing; then for each message, until there are too many bytes, a
--          list of its tally and of field, record in turn, in no order

local first, user, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local reply, size = answer('ok'), 0

-- add appends records to a list.
local function add(list, records, fields)
  if #fields == 0 then
    return
  end
  for i, record in ipairs(redis.call('HMGET', records, unpack(fields))) do
    if record then
      list[#list + 1], list[#list + 2] = fields[i], record
      size = size + #fields[i] + #record
    end
  end
end

-- own returns the fields of the user's records that are not listed.
local function own(counts, listed)
  local fields = {}
  local reactions = user ~= '' and redis.call('HGET', counts, 'u' .. user) or ''
  for _, reaction in ipairs(unpack_fields(reactions)) do
    local field = pack({reaction, user})
    if not listed[field] then
      fields[#fields + 1] = field
    end
  end
  return fields
end

for i = 1, #KEYS - 1, 3 do -- the last one is of master.lua
  local records, order, counts = KEYS[i], KEYS[i + 1], KEYS[i + 2]
  local true_counts, tally = counted(records, counts)
  local members
  if not true_counts then
    -- It costs as much as there are, and so ends the page.
    size = size + 100 * redis.call('HLEN', records)
    if i > 1 and size > most then
      break
    end
    members, tally = recount(records)
  elseif first > 0 and tally ~= '' then
    members = redis.call('ZRANGE', order, 0, first - 1)
  end
  size = size + #tally
  local list = {tally}
  if first > 0 and members and #members > 0 then
    local fields, listed = {}, {}
    for k = 1, math.min(first, #members) do
      fields[k] = string.sub(members[k], 31)
      listed[fields[k]] = true
    end
    add(list, records, fields)
    if true_counts and #fields == first then
      for _, field in ipairs(own(counts, listed)) do -- any number, as version 0.1 allowed
        add(list, records, {field})
      end
    end
  end
  if i > 1 and size > most then
    break
  end
  reply[#reply + 1] = list
end
return reply
