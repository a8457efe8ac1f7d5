-- Appends to a stream what a source has sent since the watermark, in order, and advances the watermark: sent again, it
-- changes nothing. Everything that can fail is checked before the first write, since a script does not roll back.
-- KEYS  1 target stream   2 hash of watermarks, in the same slot
-- ARGV  1 field of the hash: which source   2 generation of its ids: a watermark of an earlier one is void; 0 where there is but one
--       3 ids at the source, with spaces between   4 the first of them, where each is above the one before it; else empty
--       5 the last of them
--       6 number of elements that every entry has of its own, or one number for each, with spaces between
--       7 number of elements that they all begin with   then those, then the elements of each entry
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

local function above(ms, seq, mark_ms, mark_seq)
  local by_ms = order(ms, mark_ms)
  return by_ms > 0 or (by_ms == 0 and order(seq, mark_seq) > 0)
end

local function malformed(id)
  return redis.error_reply('ERR entry id ' .. id .. ' is not <ms>-<seq>')
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

-- How many elements each entry has: `each`, or those of `counts`.
local shared = tonumber(ARGV[7])
if not shared or shared < 0 or shared > 64 or 7 + shared > #ARGV then
  return redis.error_reply('ERR ' .. ARGV[7] .. ' is not the number of elements that all entries begin with')
end
local base, each, counts, entries, elements = 7 + shared, tonumber(ARGV[6]), {}, 0, 0
if each then
  elements = #ARGV - base
  entries = elements / each
  counts[1] = each
else
  for count in string.gmatch(ARGV[6], '%S+') do
    entries = entries + 1
    counts[entries] = tonumber(count) or 0
    elements = elements + counts[entries]
  end
end
for _, count in ipairs(counts) do
  local all = shared + count
  if count < 1 or all < 2 or all > 64 or all % 2 ~= 0 or elements ~= #ARGV - base or entries % 1 ~= 0 then
    return redis.error_reply('ERR entry ' .. ARGV[5] .. ' and those before it must have 2 to 64 elements: names and values')
  end
end

-- Where they ascend, and the first was not appended before, nor was any other.
local old, skipped = {}, 0
local first_ms, first_seq = parts(ARGV[4])
if first_ms and above(first_ms, first_seq, mark_ms, mark_seq) then
  mark_ms, mark_seq = parts(ARGV[5])
  if not mark_ms then return malformed(ARGV[5]) end
else
  local at = 0
  for id in string.gmatch(ARGV[3], '%S+') do
    local ms, seq = parts(id)
    if not ms then return malformed(id) end
    at = at + 1
    if above(ms, seq, mark_ms, mark_seq) then
      mark_ms, mark_seq = ms, seq
    else
      old[at] = true
      skipped = skipped + 1
    end
  end
  if at ~= entries then return redis.error_reply('ERR entry ids are ' .. at .. ', entries ' .. entries) end
end

local words = { 'XADD', KEYS[1], '*' }
for at = 8, base do words[#words + 1] = ARGV[at] end
local head, at = #words, base
for entry = 1, entries do
  local count = each or counts[entry]
  if not old[entry] then
    for own = 1, count do words[head + own] = ARGV[at + own] end
    redis.call(unpack(words, 1, head + count))
  end
  at = at + count
end
if skipped < entries then
  local suffix = generation > 0 and ' ' .. ARGV[2] or ''
  redis.call('HSET', KEYS[2], ARGV[1], mark_ms .. '-' .. mark_seq .. suffix)
end
return { entries - skipped, skipped, redis.call('XLEN', KEYS[1]) }
