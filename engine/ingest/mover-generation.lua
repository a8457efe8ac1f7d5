-- Numbers the histories of a named stream: what was noted of ids in one says nothing of ids in another.
-- KEYS  1 lease of the stream: hash of owner, until, history, generation
-- ARGV  1 owner  2 history that the server of the stream has now  3 least number that will do  4 leap, by chance
-- Reply  the number, or an empty text where the lease is another's. It is kept where the history is the one that it was given to;
--        a new one is the time in microseconds, or where the clock is behind a leap above the last one, so that none comes twice
--        where a failover has lost the last.
local lease = redis.call('HMGET', KEYS[1], 'owner', 'history', 'generation')
if lease[1] ~= ARGV[1] then return '' end
local known, least = tonumber(lease[3] or '0'), tonumber(ARGV[3])
if lease[2] == ARGV[2] and known > 0 and known >= least then return lease[3] end
local time = redis.call('TIME')
local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
local generation = string.format('%.0f', math.max(micros, known + tonumber(ARGV[4]), least))
redis.call('HSET', KEYS[1], 'history', ARGV[2], 'generation', generation)
return generation
