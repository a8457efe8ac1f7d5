-- Forgets the oldest entries of a partition's input log, journal and dead letters, and the decisions of the commits that go.
-- Only its owner may, and only on the ground of what it has read: where Redis holds less than that now, nothing is done.
-- All that could fail is tested before the first write, since a script does not roll back.
--
-- KEYS  1 lease  2 checkpoint  3 events  4 journal  5 decisions  6 dead
-- ARGV  1 fence token  2 seq that the checkpoint said  3 clock of the engine, ms
--       4 first entry of the log to keep ('' = all)  5 entries to drop at most, in whole nodes (0 = exactly up to 4)
--       6 first commit to keep ('' = all)
--       7 dead letters: first to keep  8 how many to keep
--       then ids of the decisions of the commits that go
-- Reply 'OK', entries, commits, decisions, dead letters dropped
local CLOCK_MS_MAX = 60000
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return { 'FENCED' } end
local expected = { 'hash', 'hash', 'stream', 'stream', 'hash', 'stream' }
for index, kind in ipairs(expected) do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= 'none' and found ~= kind then
    return { 'WRONGTYPE ' .. KEYS[index] .. ' should be a ' .. kind .. ' and is a ' .. found }
  end
end
local head = redis.call('HMGET', KEYS[2], 'seq', 'dispatched')
if tonumber(head[1] or '0') < tonumber(ARGV[2]) then
  return { 'BEHIND ' .. KEYS[2] .. ' says commit ' .. (head[1] or '0') .. ', and said ' .. ARGV[2] }
end
if ARGV[6] ~= '' and tonumber(head[2] or '0') < tonumber(ARGV[6]) - 1 then
  return { 'BEHIND ' .. KEYS[2] .. ' says that commit ' .. ARGV[6] .. ' - 1 is not dispatched' }
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if tonumber(ARGV[3]) > now + CLOCK_MS_MAX then
  return { 'CLOCK the clock of this engine is ' .. string.format('%d', tonumber(ARGV[3]) - now) .. ' ms ahead of the one of Redis' }
end

local entries, commits, decisions, dead = 0, 0, 0, 0
if ARGV[4] ~= '' then
  if ARGV[5] == '0' then
    entries = redis.call('XTRIM', KEYS[3], 'MINID', ARGV[4])
  else
    entries = redis.call('XTRIM', KEYS[3], 'MINID', '~', ARGV[4], 'LIMIT', ARGV[5])
  end
end
if ARGV[6] ~= '' then
  commits = redis.call('XTRIM', KEYS[4], 'MINID', ARGV[6] .. '-0')
  for first = 9, #ARGV, 1000 do
    local last = math.min(first + 999, #ARGV)
    decisions = decisions + redis.call('HDEL', KEYS[5], unpack(ARGV, first, last))
  end
end
dead = redis.call('XTRIM', KEYS[6], 'MINID', '~', ARGV[7], 'LIMIT', 10000)
dead = dead + redis.call('XTRIM', KEYS[6], 'MAXLEN', '~', ARGV[8], 'LIMIT', 10000)
return { 'OK', entries, commits, decisions, dead }
