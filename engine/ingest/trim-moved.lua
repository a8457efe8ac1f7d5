-- Trims what was moved of a named stream, unless the stream was deleted and made anew with lower ids meanwhile: nothing of that was moved.
-- KEYS  1 the stream
-- ARGV  1 id of the last entry that was moved  2 the least id above it
-- Reply  how many were trimmed, or ANEW: then nothing was
local function isBelow(a, b)
  -- Beyond what a double holds, too: as texts of digits.
  if #a ~= #b then return #a < #b end
  return a < b
end

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local stream = redis.call('XINFO', 'STREAM', KEYS[1])
local last
for at = 1, #stream, 2 do
  if stream[at] == 'last-generated-id' then last = stream[at + 1] end
end
local lastMs, lastNth = string.match(last, '^(%d+)%-(%d+)$')
local ms, nth = string.match(ARGV[1], '^(%d+)%-(%d+)$')
if isBelow(lastMs, ms) or (lastMs == ms and isBelow(lastNth, nth)) then return 'ANEW' end
return redis.call('XTRIM', KEYS[1], 'MINID', ARGV[2])
