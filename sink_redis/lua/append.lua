-- append adds a writer's next events to the stream, but for those that it has
-- added already: a try whose answer was lost may have been carried out.
--
-- KEYS     1 stream   2 number of the last event that the writer added
-- ARGV     1 about how many events to keep   2 for how long to keep the number,
--          in ms   3 number of the first of these events
--          then for each: its id, its type, its JSON
-- RETURNS  how many were added

local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local number, added = tonumber(ARGV[3]), 0
local failed
for i = 4, #ARGV, 3 do
  if number > last then
    local r = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
      'id', ARGV[i], 'type', ARGV[i + 1], 'event', ARGV[i + 2])
    if type(r) == 'table' and r.err then
      failed = r
      break
    end
    last, added = number, added + 1
  end
  number = number + 1
end
if added > 0 then
  redis.call('SET', KEYS[2], string.format('%.0f', last), 'PX', ARGV[2])
end
return failed or added
