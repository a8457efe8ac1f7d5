-- Takes or prolongs the lease of a named stream, or gives it back.
-- KEYS  1 lease: hash of owner, until
-- ARGV  1 owner  2 lease in ms; 0 gives it back  3 owner that runs no more, whose lease is not waited for, or ''
-- Reply  0 where it is this owner's, else for how many ms it is still another's
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and kind ~= 'hash' then
  return redis.error_reply('WRONGTYPE ' .. KEYS[1] .. ' is a ' .. kind .. ' and should be a hash')
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local lease = redis.call('HMGET', KEYS[1], 'owner', 'until')
local left = tonumber(lease[2] or '0') - now
if lease[1] and lease[1] ~= ARGV[1] and lease[1] ~= ARGV[3] and left > 0 then return left end
if lease[1] ~= ARGV[1] and ARGV[2] == '0' then return 0 end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', string.format('%.0f', now + tonumber(ARGV[2])))
return 0
