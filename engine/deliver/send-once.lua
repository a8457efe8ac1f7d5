-- Hands messages of one partition to the stream of a channel, each once and in order, or marks them as refused, so that nobody
-- sends them later. Everything that can fail is checked before the first write, since a script does not roll back.
-- KEYS  1 stream of the channel   2 hash of watermarks, in the same slot
-- ARGV  1 partition: field of the hash   then for each message: id <seq>-<ordinal>, ascending; the last ms since 1970 at which it
--       may be sent, '' where it does not matter; the message, '' where it is refused
-- The hash holds the watermark and, in the field <partition>:refused, the ids that were refused and may not have been reported yet:
-- those of the last call that wrote anything, and what it was offered again.
-- Reply appended, length of the stream, ids refused now or before ...

local function kind(key)
  return redis.call('TYPE', key).ok
end

local function parts(id)
  local seq, ordinal = string.match(id, '^(%d+)%-(%d+)$')
  if not seq or #seq > 16 or #ordinal > 15 then return nil end -- doubles hold such numbers of commits until 2255
  return tonumber(seq), tonumber(ordinal)
end

local stream_kind, hash_kind = kind(KEYS[1]), kind(KEYS[2])
if stream_kind ~= 'none' and stream_kind ~= 'stream' then
  return redis.error_reply('WRONGTYPE target ' .. KEYS[1] .. ' is a ' .. stream_kind .. ', not a stream')
end
if hash_kind ~= 'none' and hash_kind ~= 'hash' then
  return redis.error_reply('WRONGTYPE watermark ' .. KEYS[2] .. ' is a ' .. hash_kind .. ', not a hash')
end
local refused_field = ARGV[1] .. ':refused'
local mark = redis.call('HGET', KEYS[2], ARGV[1]) or '0-0'
local mark_seq, mark_ordinal = parts(mark)
if not mark_seq then
  return redis.error_reply('ERR watermark ' .. ARGV[1] .. ' of ' .. KEYS[2] .. ' is not <seq>-<ordinal>')
end
if #ARGV % 3 ~= 1 then return redis.error_reply('ERR a message must have an id, a time and a text') end

local before = {}
for id in string.gmatch(redis.call('HGET', KEYS[2], refused_field) or '', '%S+') do before[id] = true end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local todo, refused, isNew = {}, {}, false
for at = 2, #ARGV, 3 do
  local seq, ordinal = parts(ARGV[at])
  if not seq then return redis.error_reply('ERR id ' .. ARGV[at] .. ' is not <seq>-<ordinal>') end
  if seq > mark_seq or (seq == mark_seq and ordinal > mark_ordinal) then
    isNew, mark, mark_seq, mark_ordinal = true, ARGV[at], seq, ordinal
    local last = tonumber(ARGV[at + 1])
    if ARGV[at + 2] == '' or (last and now > last) then
      refused[#refused + 1] = ARGV[at]
    else
      todo[#todo + 1] = ARGV[at + 2]
    end
  elseif before[ARGV[at]] then
    refused[#refused + 1] = ARGV[at]
  end
end

for _, message in ipairs(todo) do redis.call('XADD', KEYS[1], '*', 'd', message) end
if isNew then
  redis.call('HSET', KEYS[2], ARGV[1], mark)
  if #refused > 0 then
    redis.call('HSET', KEYS[2], refused_field, table.concat(refused, ' '))
  else
    redis.call('HDEL', KEYS[2], refused_field)
  end
end
return { #todo, redis.call('XLEN', KEYS[1]), unpack(refused) }
