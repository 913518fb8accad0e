-- enter makes an incarnation a member of the first partition, where all nodes are, if
-- it and the living nodes, and what was written so far, understand each other: their
-- formats differ by 1 at most (see node_format.go).
--
-- RETURNS  ok: until when the lease was before, and until when it is now, 0 for none;
--          then why there is none: the format that is not understood, and the
--          incarnation of the node that has it, '' for what was written

local LEASES, WRITTEN = unpack(KEYS, 2) -- the newest format in which anything was written
local LENGTH, INCARNATION, FORMAT = unpack(ARGV, 3) -- of the lease, in ms

-- foreign returns the format that is not understood, and who has it.
local function foreign(format)
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '(' .. text(NOW), '+inf')) do
    local its = string.match(other, '^[^.]*%.[^.]*%.(%d+)') or '0'
    if math.abs(tonumber(its) - format) > 1 then
      return its, other
    end
  end
  local written = redis.call('GET', WRITTEN)
  if written and tonumber(written) > format + 1 then
    return written, ''
  end
end

return operation(function()
  local format = tonumber(FORMAT)
  local its, whose = foreign(format)
  if its then
    return pack({'0', '0', its, whose})
  end
  local before = redis.call('ZSCORE', LEASES, INCARNATION) or '0'
  local expires = text(NOW + tonumber(LENGTH))
  redis.call('ZADD', LEASES, expires, INCARNATION)
  if tonumber(redis.call('GET', WRITTEN) or '-1') < format then
    redis.call('SET', WRITTEN, FORMAT)
  end
  return pack({before, expires, '', ''})
end)
