-- Prolongs a lease; ms 0 gives it back. KEYS 1 lease. ARGV 1 token  2 ms
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 'FENCED' end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('HSET', KEYS[1], 'until', now + tonumber(ARGV[2]))
return 'OK'
