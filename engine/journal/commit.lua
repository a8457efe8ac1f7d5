-- Commits of partitions that one server keeps, one each: of each everything or nothing, whatever becomes of the others.
-- A script does not roll back after an error in its middle, so all that could fail is tested before the first write of a commit.
--
-- KEYS  of each commit: checkpoint, lease, journal, timers, decisions, dead, seen, profiles to delete, profiles to write
-- ARGV  number of commits, then of each commit:
--       1 number of its keys  2 fence token  3 previous seq  4 seq  5 input position  6 journal payload
--       7 base checkpoint ('' = keep)
--       8 number of pieces of the ring of seen hashes, then offset, bytes each
--       then number of decisions, then id, value each; number of customers to forget, then key each
--       then number of armed timers, then due, key each
--       then number of dead letters, then position, reason, detail, source, bytes each
--       then one payload for each profile to write
-- Answers with one of OK, FENCED, BEHIND ..., AHEAD ..., WRONGTYPE ... for each.
local function wrong(key, kind)
  local found = redis.call('TYPE', key).ok
  return found ~= 'none' and found ~= kind
end
local function unfit(key, kind)
  return 'WRONGTYPE ' .. key .. ' should be a ' .. kind
end
-- As many pairs with one call as Lua's stack surely holds: a call for each costs more than what it writes.
local function write_pairs(command, key, first, count)
  while count > 0 do
    local pairs_now = math.min(count, 1000)
    redis.call(command, key, unpack(ARGV, first, first + 2 * pairs_now - 1))
    first = first + 2 * pairs_now
    count = count - pairs_now
  end
end

local at = 2
-- Where the next list begins, and how many it has.
local function list(width)
  local first, count = at + 1, tonumber(ARGV[at])
  at = first + width * count
  return first, count
end

-- Its keys are KEYS[key + 1 .. key + keys], its arguments begin at ARGV[at].
local function commit(key, keys)
  local token, previous, seq = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local position, payload, base = ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
  local checkpoint, lease, journal, timers = KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4]
  local decisions, dead, seen = KEYS[key + 5], KEYS[key + 6], KEYS[key + 7]
  at = at + 7
  local piece, pieces = list(2)
  local decision, decided = list(2)
  local forgotten, gone = list(1)
  local timer, armed = list(2)
  local letter, letters = list(5)
  local profile = at
  at = at + keys - 7 - gone

  local held = redis.pcall('HGET', lease, 'token')
  if type(held) == 'table' then return unfit(lease, 'hash') end
  if held ~= token then return 'FENCED' end
  -- These two are read in any case, which tells as much as asking for their type.
  local head = redis.pcall('HGET', checkpoint, 'seq')
  if type(head) == 'table' then return unfit(checkpoint, 'hash') end
  head = head or '0'
  local later = redis.pcall('XRANGE', journal, seq .. '-0', '+', 'COUNT', 1)
  if later.err then return unfit(journal, 'stream') end
  if armed + gone > 0 and wrong(timers, 'zset') then return unfit(timers, 'zset') end
  if decided > 0 and wrong(decisions, 'hash') then return unfit(decisions, 'hash') end
  if letters > 0 and wrong(dead, 'stream') then return unfit(dead, 'stream') end
  if pieces > 0 and wrong(seen, 'string') then return unfit(seen, 'string') end
  for index = key + 8, key + keys do
    if wrong(KEYS[index], 'string') then return unfit('a profile of ' .. checkpoint, 'string') end
  end
  if head ~= previous then return 'BEHIND ' .. head end
  if #later > 0 then
    return 'AHEAD the journal holds commit ' .. seq .. ' already, though the checkpoint says ' .. head
  end

  if base == '' then
    redis.call('HSET', checkpoint, 'seq', seq, 'position', position)
  else
    redis.call('HSET', checkpoint, 'seq', seq, 'position', position, 'base', base)
  end
  redis.call('XADD', journal, seq .. '-0', 'c', payload)
  for index = piece, piece + 2 * (pieces - 1), 2 do
    redis.call('SETRANGE', seen, ARGV[index], ARGV[index + 1])
  end
  write_pairs('HSET', decisions, decision, decided)
  for index = 0, gone - 1 do
    redis.call('DEL', KEYS[key + 8 + index])
    redis.call('ZREM', timers, ARGV[forgotten + index])
  end
  write_pairs('ZADD', timers, timer, armed)
  for index = letter, letter + 5 * (letters - 1), 5 do
    redis.call('XADD', dead, '*', 'position', ARGV[index], 'reason', ARGV[index + 1], 'detail', ARGV[index + 2],
      's', ARGV[index + 3], 'd', ARGV[index + 4])
  end
  for index = key + 8 + gone, key + keys do
    redis.call('SET', KEYS[index], ARGV[profile])
    profile = profile + 1
  end
  return 'OK'
end

local answers = {}
local key = 0
for index = 1, tonumber(ARGV[1]) do
  local keys = tonumber(ARGV[at])
  answers[index] = commit(key, keys)
  key = key + keys
end
return answers
