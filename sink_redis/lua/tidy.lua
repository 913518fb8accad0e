-- tidy removes consumers that have nothing pending, from which nothing has been
-- heard for long, and the one that ends.
--
-- KEYS     1 stream
-- ARGV     1 group   2 the consumer that ends, or ''   3 how long is long, in ms
-- RETURNS  how many were removed

local removed = 0
for _, reply in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local c = {}
  for i = 1, #reply, 2 do
    c[reply[i]] = reply[i + 1]
  end
  if c.pending == 0 and (c.name == ARGV[2] or c.idle > tonumber(ARGV[3])) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], c.name)
    removed = removed + 1
  end
end
return removed
