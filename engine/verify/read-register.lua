-- For what time the timers of customers are armed ('' = not in the register), and as of which commit. Reads, and changes nothing.
-- KEYS  1 checkpoint  2 timers
-- ARGV  keys of customers
local reply = { redis.call('HGET', KEYS[1], 'seq') or '0' }
for _, key in ipairs(ARGV) do reply[#reply + 1] = redis.call('ZSCORE', KEYS[2], key) or '' end
return reply
