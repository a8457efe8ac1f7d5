-- Writes fields of the checkpoint that are no part of a commit, unless another engine has taken the partition.
-- KEYS  1 lease  2 checkpoint
-- ARGV  1 fence token  2 field  3 value  ... more of both
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 'FENCED' end
redis.call('HSET', KEYS[2], unpack(ARGV, 2))
return 'OK'
