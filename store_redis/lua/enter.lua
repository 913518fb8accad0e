-- enter makes an incarnation a member of the first partition, where all nodes are, if
-- it and the living nodes, and what was written so far, understand each other: their
-- formats differ by 1 at most (see node_format.go).
--
-- KEYS     1 operations   2 leases   3 newest format in which anything was written
-- ARGV     1 operation    2 deadline   3 length in ms   4 incarnation   5 its format
-- RETURNS  ok: until when the lease was before, and until when it is now, 0 for none;
--          then why there is none: the format that is not understood, and the
--          incarnation of the node that has it, '' for what was written

local seen, refuse = recall()
if seen then
  return answer('ok', seen)
elseif refuse then
  return refuse
end
local incarnation, format = ARGV[4], tonumber(ARGV[5])

-- foreign returns the format that is not understood, and who has it.
local function foreign()
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. text(NOW), '+inf')) do
    local its = string.match(other, '^[^.]*%.[^.]*%.(%d+)') or '0'
    if math.abs(tonumber(its) - format) > 1 then
      return its, other
    end
  end
  local written = redis.call('GET', KEYS[3])
  if written and tonumber(written) > format + 1 then
    return written, ''
  end
end

local its, whose = foreign()
if its then
  return remember(pack({'0', '0', its, whose}))
end
local before = redis.call('ZSCORE', KEYS[2], incarnation) or '0'
local expires = text(NOW + tonumber(ARGV[3]))
redis.call('ZADD', KEYS[2], expires, incarnation)
if tonumber(redis.call('GET', KEYS[3]) or '-1') < format then
  redis.call('SET', KEYS[3], ARGV[5])
end
return remember(pack({before, expires, '', ''}))
