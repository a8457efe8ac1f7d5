-- Copies a range of a stream to another under the same ids, some entries changed or left out.
-- KEYS  1 stream  2 copy  [3 lease]
-- Answers how many it copied.
-- ARGV  1 fence token ('' = none)  2 first id  3 last id, of those that are to be copied
--       then for each entry that changes: id, number of its new names and values (0: it is left out), those
if ARGV[1] ~= '' and redis.call('HGET', KEYS[3], 'token') ~= ARGV[1] then return 'FENCED' end
local changed, at = {}, 4
while at <= #ARGV do
  changed[ARGV[at]] = at + 1
  at = at + 2 + tonumber(ARGV[at + 1])
end
local copied = 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[3])) do
  local start = changed[entry[1]]
  if not start then
    redis.call('XADD', KEYS[2], entry[1], unpack(entry[2]))
    copied = copied + 1
  elseif tonumber(ARGV[start]) > 0 then
    redis.call('XADD', KEYS[2], entry[1], unpack(ARGV, start + 1, start + tonumber(ARGV[start])))
    copied = copied + 1
  end
end
return tostring(copied)
