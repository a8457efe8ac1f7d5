-- Appends to a stream what a source has sent since the watermark, in order, and advances the watermark: sent again, it
-- changes nothing. Everything that can fail is checked before the first write, since a script does not roll back.
-- KEYS  1 target stream   2 hash of watermarks, in the same slot
-- ARGV  1 field of the hash: which source   2 generation of its ids: a watermark of an earlier one is void; 0 where there is but one
--       then for each entry: id at the source, number of elements, elements...
-- Reply appended, skipped, length of the stream

local function kind(key)
  return redis.call('TYPE', key).ok
end

local function parts(id)
  local ms, seq = string.match(id, '^0*(%d+)%-0*(%d+)$')
  if not ms or #ms > 20 or #seq > 20 then return nil end
  return ms, seq
end

-- Decimal texts without leading zeros: exact where a double is not.
local function order(a, b)
  if #a ~= #b then return #a < #b and -1 or 1 end
  if a == b then return 0 end
  return a < b and -1 or 1
end

local stream_kind, hash_kind = kind(KEYS[1]), kind(KEYS[2])
if stream_kind ~= 'none' and stream_kind ~= 'stream' then
  return redis.error_reply('WRONGTYPE target ' .. KEYS[1] .. ' is a ' .. stream_kind .. ', not a stream')
end
if hash_kind ~= 'none' and hash_kind ~= 'hash' then
  return redis.error_reply('WRONGTYPE watermark ' .. KEYS[2] .. ' is a ' .. hash_kind .. ', not a hash')
end

local generation = tonumber(ARGV[2])
if not generation then return redis.error_reply('ERR generation ' .. ARGV[2] .. ' is no number') end
local mark = redis.call('HGET', KEYS[2], ARGV[1])
local mark_id, mark_generation = string.match(mark or '0-0', '^([^ ]+) ?(%d*)$')
local mark_ms, mark_seq = parts(mark_id or '')
if not mark_ms then
  return redis.error_reply('ERR watermark ' .. ARGV[1] .. ' of ' .. KEYS[2] .. ' is not <ms>-<seq>')
end

mark_generation = tonumber(mark_generation) or 0
if mark_generation > generation then
  return redis.error_reply('STALE ' .. ARGV[1] .. ' of ' .. KEYS[2] .. ' is of generation ' .. string.format('%.0f', mark_generation))
end
if mark_generation < generation then mark_ms, mark_seq = '0', '0' end

local todo, skipped, at = {}, 0, 3
while at <= #ARGV do
  local ms, seq = parts(ARGV[at])
  local count = tonumber(ARGV[at + 1])
  if not ms then return redis.error_reply('ERR entry id ' .. ARGV[at] .. ' is not <ms>-<seq>') end
  if not count or count < 2 or count > 64 or count % 2 ~= 0 or at + 1 + count > #ARGV then
    return redis.error_reply('ERR entry ' .. ARGV[at] .. ' must have 2 to 64 elements: names and values')
  end
  local by_ms = order(ms, mark_ms)
  if by_ms > 0 or (by_ms == 0 and order(seq, mark_seq) > 0) then
    todo[#todo + 1] = at
    mark_ms, mark_seq = ms, seq
  else
    skipped = skipped + 1
  end
  at = at + 2 + count
end

for _, start in ipairs(todo) do
  redis.call('XADD', KEYS[1], '*', unpack(ARGV, start + 2, start + 1 + tonumber(ARGV[start + 1])))
end
if #todo > 0 then
  local suffix = generation > 0 and ' ' .. ARGV[2] or ''
  redis.call('HSET', KEYS[2], ARGV[1], mark_ms .. '-' .. mark_seq .. suffix)
end
return { #todo, skipped, redis.call('XLEN', KEYS[1]) }
