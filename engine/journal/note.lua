-- Writes a field of the checkpoint that is no part of a commit, unless another engine has taken the partition.
-- KEYS  1 lease  2 checkpoint
-- ARGV  1 fence token  2 field  3 value
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 'FENCED' end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 'OK'
