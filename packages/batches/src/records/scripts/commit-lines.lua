--- @include "@darkroom/redis/scripts/now"
--- @include "held-lines"
-- Commits a segment of results that is in the object store: counts its lines, and drops their records. A second call changes nothing.
--   KEYS[1] batch  KEYS[2] ended lines of the batch  KEYS[3] lines of the batch with a record  KEYS[4] the tenant's index
--   KEYS[5] the root of all names
--   ARGV[1] segment  ARGV[2] how many succeeded  ARGV[3] how many failed  ARGV[4] what they cost, in micros
--   ARGV[5] tenant  ARGV[6] milliseconds that the places of their records in the index are remembered
-- Answers 'ok', or 'known' where the segment was committed before.
local claimed, segment = unpack(redis.call('HMGET', KEYS[1], 'claimed', 'segments'))
if not claimed or (tonumber(segment) or 0) ~= tonumber(ARGV[1]) then return 'known' end
for _, entry in ipairs(redis.call('LRANGE', KEYS[2], 0, claimed - 1)) do
  if string.sub(entry, 1, 1) ~= '{' then
    local created = redis.call('ZSCORE', KEYS[4], entry)
    if created then redis.call('SET', KEYS[5] .. 'former-place:' .. entry, ARGV[5] .. ' ' .. created, 'PX', ARGV[6]) end
    redis.call('UNLINK', KEYS[5] .. 'generation:' .. entry, KEYS[5] .. 'partials:' .. entry)
    redis.call('ZREM', KEYS[4], entry)
    redis.call('SREM', KEYS[3], entry)
  end
end
redis.call('LTRIM', KEYS[2], claimed, -1)
redis.call('HDEL', KEYS[1], 'claimed')
redis.call('HINCRBY', KEYS[1], 'segments', 1)
redis.call('HINCRBY', KEYS[1], 'completed', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'failed', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'cost', ARGV[4])
local time = now()
redis.call('HSET', KEYS[1], 'collectedAt', time)
local held = tonumber(redis.call('HGET', KEYS[1], 'heldLines')) or 0
give_back_lines(KEYS[5], KEYS[1], math.max(held - ARGV[2] - ARGV[3], 0), time)
return 'ok'
