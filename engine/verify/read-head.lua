-- The checkpoint of a partition, its ring of seen hashes and the last id of its journal, as of one instant. Reads, and changes nothing.
-- KEYS  1 checkpoint  2 seen  3 journal
local head = redis.call('HMGET', KEYS[1], 'seq', 'position', 'base')
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
return { head[1] or '0', head[2] or '0-0', head[3] or '', redis.call('GET', KEYS[2]) or '', last and last[1] or '' }
