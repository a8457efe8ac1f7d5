-- Puts the copy of a stream in its place: what came meanwhile, ids, counters and consumer groups with all that is pending.
-- KEYS  1 stream  2 copy  [3 lease]
-- ARGV  1 fence token ('' = none)  2 last id copied  3 how many more may be copied here  4 entries of the copy
if ARGV[1] ~= '' and redis.call('HGET', KEYS[3], 'token') ~= ARGV[1] then return 'FENCED' end
if redis.call('XLEN', KEYS[2]) ~= tonumber(ARGV[4]) then return 'BROKEN' end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2])
  return 'OK'
end
-- What was trimmed while it was copied does not come back.
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not oldest then
  redis.call('DEL', KEYS[2])
else
  redis.call('XTRIM', KEYS[2], 'MINID', oldest[1])
end
local rest = redis.call('XRANGE', KEYS[1], '(' .. ARGV[2], '+', 'COUNT', tonumber(ARGV[3]) + 1)
if #rest > tonumber(ARGV[3]) then return 'MORE' end
for _, entry in ipairs(rest) do redis.call('XADD', KEYS[2], entry[1], unpack(entry[2])) end

local function named(flat)
  local found = {}
  for index = 1, #flat, 2 do found[flat[index]] = flat[index + 1] end
  return found
end

-- A stream that holds nothing still knows its last id.
redis.call('XGROUP', 'CREATE', KEYS[2], '$rewriting', '0', 'MKSTREAM')
redis.call('XGROUP', 'DESTROY', KEYS[2], '$rewriting')
local stream = named(redis.call('XINFO', 'STREAM', KEYS[1]))
local last = stream['last-generated-id']
if stream['entries-added'] then
  redis.call('XSETID', KEYS[2], last, 'ENTRIESADDED', stream['entries-added'], 'MAXDELETEDID', stream['max-deleted-entry-id'])
else
  redis.call('XSETID', KEYS[2], last)
end
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = named(flat)
  if group['entries-read'] then
    redis.call('XGROUP', 'CREATE', KEYS[2], group['name'], group['last-delivered-id'], 'ENTRIESREAD', group['entries-read'])
  else
    redis.call('XGROUP', 'CREATE', KEYS[2], group['name'], group['last-delivered-id'])
  end
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group['name'])) do
    redis.call('XGROUP', 'CREATECONSUMER', KEYS[2], group['name'], named(consumer)['name'])
  end
  local from = '-'
  repeat
    local pending = redis.call('XPENDING', KEYS[1], group['name'], from, '+', 1000)
    for _, one in ipairs(pending) do
      if #redis.call('XRANGE', KEYS[2], one[1], one[1]) > 0 then
        redis.call('XCLAIM', KEYS[2], group['name'], one[2], 0, one[1], 'IDLE', one[3], 'RETRYCOUNT', one[4], 'FORCE', 'JUSTID')
      end
      from = '(' .. one[1]
    end
  until #pending < 1000
end
redis.call('RENAME', KEYS[2], KEYS[1])
return 'OK'
