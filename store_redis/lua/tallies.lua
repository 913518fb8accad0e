-- tallies counts the reactions to messages.
--
-- KEYS     the state of the channel; the three of each message: records, order, counts
-- RETURNS  ok: nothing; then for each message, until there are too many bytes, a
--          list of its tally and of field, record in turn, in no order

-- FIRST is how many of the first reactions to each are wanted, USER whose reactions are
-- wanted besides, or '', and BYTES how many the answer may have.
local FIRST, USER, BYTES = unpack(ARGV)
local STATE = unpack(KEYS, 1, 1)
local first, most = tonumber(FIRST), tonumber(BYTES)
local size, newest_erased = 0, nil

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
  local reactions = USER ~= '' and redis.call('HGET', counts, 'u' .. USER) or ''
  for _, reaction in ipairs(unpack_fields(reactions)) do
    local field = pack({reaction, USER})
    if not listed[field] then
      fields[#fields + 1] = field
    end
  end
  return fields
end

-- count returns what the reply has of one message; nothing if it would cost too much.
local function count(is_first, records, order, counts)
  if message_of(records) <= newest_erased then
    return {''}
  end
  local true_counts, tally = counted(records, counts)
  local members
  if not true_counts then
    -- It costs as much as there are, and so ends the page.
    size = size + 100 * redis.call('HLEN', records)
    if not is_first and size > most then
      return
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
  return list
end

return reading(function()
  local reply = answer('ok')
  newest_erased = erased_to(STATE)
  for k = 2, #KEYS - 1, 3 do -- The last key is that of the frame.
    local list = count(k == 2, unpack(KEYS, k, k + 2))
    if not list or (k > 2 and size > most) then
      break
    end
    reply[#reply + 1] = list
  end
  return reply
end)
