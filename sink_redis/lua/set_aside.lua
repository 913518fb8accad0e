-- set_aside moves an entry to the stream of dead ones, unless it is another
-- consumer's by now.
--
-- KEYS     1 stream   2 stream of dead entries
-- ARGV     1 group   2 consumer   3 id   4 attempts   5 error
--          6 about how many dead entries to keep
-- RETURNS  1, or 0 if it was not the consumer's

if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then
  return 0
end
local found = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])
if found[1] then
  local add = {'XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], '*',
    'entry', ARGV[3], 'group', ARGV[1], 'attempts', ARGV[4], 'error', ARGV[5]}
  for _, field in ipairs(found[1][2]) do
    add[#add + 1] = field
  end
  redis.call(unpack(add))
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
return 1
