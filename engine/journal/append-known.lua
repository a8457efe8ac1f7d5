-- Appends to an input log what an engine notes of somebody, while somebody is known there: an engine that stood still during an
-- erasure would name again who was erased.
-- KEYS  1 input log  2 decisions, or timers: the register of customers
-- ARGV  1 HGET for decisions, ZSCORE for timers  2 decision or customer  3.. names and values of the entry
-- Answers the id of the entry; '' where it is not appended.
if not redis.call(ARGV[1], KEYS[2], ARGV[2]) then return '' end
return redis.call('XADD', KEYS[1], '*', unpack(ARGV, 3))
