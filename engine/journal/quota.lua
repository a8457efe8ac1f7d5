-- Grants units of one quota in one period to partitions, and takes them back. All numbers are whole units.
-- KEYS  1 account: hash of partition -> 'epoch granted spent', `sum` of what is granted, `starved` asks that got too little
-- ARGV  1 limit: units that may be granted by now, over all partitions
--       2 share: an ask gets at most this part of what is left, unless it wishes for more
--       3 days in milliseconds after which the account may be forgotten; 0: never
--       then for each row: 'ask', 'give' or 'hold', partition, epoch, spent, granted as the ledger of the partition has it,
--       and least, need, wish of an ask, else 0, 0, 0
-- A row of an epoch before the last one seen of its partition is refused. Grants are absolute, so a row sent twice changes
-- nothing. A give lowers a grant to what the ledger has. Else it is at least that: a failover may have lost it here.
-- An ask gets nothing where it would still have less than the least that it can use: a part of a contact is of no
-- use to anyone. It starves where it has less than its dearest contact needs.
-- Reply  sum, starved, then for each row what is granted to its partition, or -1 where it was refused
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and kind ~= 'hash' then
  return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' is a ' .. kind .. ' and should be a hash')
end
if (#ARGV - 3) % 8 ~= 0 then return redis.error_reply('ERR a row has 8 elements') end
for at = 4, #ARGV, 8 do
  if ARGV[at] ~= 'ask' and ARGV[at] ~= 'give' and ARGV[at] ~= 'hold' then
    return redis.error_reply('ERR a row begins with ask, give or hold')
  end
  for element = at + 1, at + 7 do
    if not tonumber(ARGV[element]) then return redis.error_reply('ERR row element ' .. ARGV[element] .. ' is no number') end
  end
end

-- Exact to 2^53; tostring() would round.
local function whole(number)
  return string.format('%.0f', number)
end

local head = redis.call('HMGET', KEYS[1], 'sum', 'starved')
local sum, starved = tonumber(head[1] or '0'), tonumber(head[2] or '0')
local limit, share = tonumber(ARGV[1]), tonumber(ARGV[2])
local reply = { '', '' }

local function ask(granted, spent, least, need, wish)
  local room = limit - sum
  local held = granted - spent
  local more = math.min(room, math.max(wish, math.floor(room / share)) - held)
  if more < 0 then more = 0 end
  if held + more < need then starved = starved + 1 end
  return held + more >= least and granted + more or granted
end

for at = 4, #ARGV, 8 do
  local partition, epoch, spent = ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local last_epoch, granted = string.match(redis.call('HGET', KEYS[1], partition) or '0 0 0', '^(%d+) (%d+) %d+$')
  local before, held = tonumber(granted), tonumber(ARGV[at + 4])
  if epoch < tonumber(last_epoch) then
    reply[#reply + 1] = '-1'
  else
    local after = ARGV[at] == 'give' and math.min(before, held) or math.max(before, held)
    sum = sum + (after - before) -- in this order: exact to 2^53
    if ARGV[at] == 'ask' then
      before = after
      after = ask(before, spent, tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7]))
      sum = sum + (after - before)
    end
    redis.call('HSET', KEYS[1], partition, whole(epoch) .. ' ' .. whole(after) .. ' ' .. whole(spent))
    reply[#reply + 1] = whole(after)
  end
end
redis.call('HSET', KEYS[1], 'sum', whole(sum), 'starved', whole(starved))
if ARGV[3] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
reply[1], reply[2] = whole(sum), whole(starved)
return reply
