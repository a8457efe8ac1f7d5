-- One commit of one partition: everything or nothing.
-- A script does not roll back after an error in its middle, so all that could fail is tested before the first write.
--
-- KEYS  1 checkpoint  2 lease  3 journal  4 timers  5 decisions  6 dead  7 seen  8.. profiles to delete, then profiles to write
-- ARGV  1 fence token  2 previous seq  3 seq  4 input position  5 journal payload ('' = nothing to journal)
--       6 base checkpoint ('' = keep)
--       7 number of pieces of the ring of seen hashes, then offset, bytes each
--       then number of decisions, then id, value each; number of customers to forget, then key each
--       then number of armed timers, then due, key each
--       then number of dead letters, then position, reason, detail, source, bytes each
--       then one payload for each profile key
local function kind_of(key)
  return redis.call('TYPE', key).ok
end

local function fits(key, kind)
  local found = kind_of(key)
  return found == 'none' or found == kind
end

if redis.call('HGET', KEYS[2], 'token') ~= ARGV[1] then return 'FENCED' end
local expected = { 'hash', 'hash', 'stream', 'zset', 'hash', 'stream', 'string' }
for index, kind in ipairs(expected) do
  if not fits(KEYS[index], kind) then return 'WRONGTYPE ' .. KEYS[index] .. ' should be a ' .. kind end
end
for index = 8, #KEYS do
  if not fits(KEYS[index], 'string') then return 'WRONGTYPE a profile of ' .. KEYS[1] .. ' should be a string' end
end
local head = redis.call('HGET', KEYS[1], 'seq') or '0'
if head ~= ARGV[2] then return 'BEHIND ' .. head end
if #redis.call('XRANGE', KEYS[3], ARGV[3] .. '-0', '+', 'COUNT', 1) > 0 then
  return 'AHEAD the journal holds commit ' .. ARGV[3] .. ' already, though the checkpoint says ' .. head
end

redis.call('HSET', KEYS[1], 'seq', ARGV[3], 'position', ARGV[4])
redis.call('XADD', KEYS[3], ARGV[3] .. '-0', 'c', ARGV[5])
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'base', ARGV[6]) end

local at = 7
local function count()
  local n = tonumber(ARGV[at])
  at = at + 1
  return n
end
for _ = 1, count() do
  redis.call('SETRANGE', KEYS[7], ARGV[at], ARGV[at + 1])
  at = at + 2
end
-- As many pairs with one call as Lua's stack surely holds: a call for each costs more than what it writes.
local function write_pairs(command, key)
  local left = count()
  while left > 0 do
    local pairs_now = math.min(left, 1000)
    redis.call(command, key, unpack(ARGV, at, at + 2 * pairs_now - 1))
    at = at + 2 * pairs_now
    left = left - pairs_now
  end
end
write_pairs('HSET', KEYS[5])
local forgotten = count()
for index = 1, forgotten do
  redis.call('DEL', KEYS[7 + index])
  redis.call('ZREM', KEYS[4], ARGV[at])
  at = at + 1
end
write_pairs('ZADD', KEYS[4])
for _ = 1, count() do
  redis.call('XADD', KEYS[6], '*', 'position', ARGV[at], 'reason', ARGV[at + 1], 'detail', ARGV[at + 2],
    's', ARGV[at + 3], 'd', ARGV[at + 4])
  at = at + 5
end
for index = 8 + forgotten, #KEYS do
  redis.call('SET', KEYS[index], ARGV[at])
  at = at + 1
end
return 'OK'
