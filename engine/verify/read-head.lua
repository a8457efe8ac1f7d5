-- The checkpoint of a partition and its ring of seen hashes, as of one instant. Reads, and changes nothing.
-- KEYS  1 checkpoint  2 seen
local head = redis.call('HMGET', KEYS[1], 'seq', 'position', 'base', 'dispatched')
return { head[1] or '0', head[2] or '0-0', head[3] or '', head[4] or '0', redis.call('GET', KEYS[2]) or '' }
