-- Takes a partition, or says who holds it and for how long. A new token fences every write under way of the old owner.
-- The epoch is at least the time in microseconds: a failover may have lost the last epochs and commits with all that tells
-- of them here, while other slots know them as watermarks. Commits are numbered from it on, so no number comes twice. Should
-- the clock of a new master be behind, it is a leap above all that is known here: by chance, for what was lost may have leapt, too.
-- KEYS  1 lease  2 checkpoint  3 journal  4 timers
-- ARGV  1 owner  2 new token  3 lease in ms  4 address  5 owner that runs no more, whose lease is not waited for, or ''
--       6 leap: a million, and up to 17 million more by chance
for index, kind in ipairs({ 'hash', 'hash', 'stream', 'zset' }) do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= 'none' and found ~= kind then
    return { 'BROKEN', KEYS[index] .. ' is a ' .. found .. ' and should be a ' .. kind }
  end
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local lease = redis.call('HMGET', KEYS[1], 'owner', 'until', 'epoch')
if lease[1] and lease[1] ~= ARGV[1] and lease[1] ~= ARGV[5] and tonumber(lease[2] or '0') > now then
  return { 'HELD', lease[1], tostring(tonumber(lease[2]) - now) }
end
local head = redis.call('HMGET', KEYS[2], 'seq', 'position', 'base')
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
if last and last[1] ~= (head[1] or '0') .. '-0' then
  return { 'BROKEN', KEYS[3] .. ' ends at ' .. last[1]:match('^%d+') .. ', but ' .. KEYS[2] .. ' says ' .. (head[1] or '0')
    .. ': one of them was lost or restored without the other' }
end
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
local epoch = math.max(micros, math.max(tonumber(lease[3] or '0'), tonumber(head[1] or '0')) + tonumber(ARGV[6]))
epoch = string.format('%.0f', epoch)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'token', ARGV[2], 'until', now + tonumber(ARGV[3]), 'address', ARGV[4],
  'epoch', epoch)
return { 'ACQUIRED', epoch, head[1] or '0', head[2] or '0-0', head[3] or '' }
