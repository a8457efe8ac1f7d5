-- Says that an engine is alive, forgets those that were silent for too long, and tells who is left.
-- KEYS  1 register: hash of engine -> {"until":ms,"since":ms,...}, written as below
-- ARGV  1 engine  2 for how long it counts as alive, in ms; 0: it leaves  3 the rest of its entry, as '"name":value,...}'
-- Reply  time in ms, then engine, entry of each that is alive
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and kind ~= 'hash' then
  return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' is a ' .. kind .. ' and should be a hash')
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function whole(number)
  return string.format('%.0f', number)
end
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  local before = redis.call('HGET', KEYS[1], ARGV[1])
  local since = before and string.match(before, '"since":(%d+)') or whole(now)
  local till = whole(now + tonumber(ARGV[2]))
  redis.call('HSET', KEYS[1], ARGV[1], '{"until":' .. till .. ',"since":' .. since .. ',' .. ARGV[3])
end
local reply = { whole(now) }
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local till = tonumber(string.match(all[at + 1], '"until":(%d+)') or '0')
  if till > now then
    reply[#reply + 1] = all[at]
    reply[#reply + 1] = all[at + 1]
  else
    redis.call('HDEL', KEYS[1], all[at])
  end
end
return reply
