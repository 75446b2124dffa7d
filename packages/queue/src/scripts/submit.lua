-- Writes a generation's record and counts it for its tenant. Safe to repeat: a second call with the same id changes nothing.
--   ARGV[1] id  ARGV[2] tenant  ARGV[3] milliseconds it may wait, or 0  ARGV[4] reply channel, or ''  ARGV[5…] field, value, …
-- Answers the rank of the generation among its tenant's unended ones on the lane, from 1.
local record, unlaned, expiring, pending = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local rank = redis.call('HGET', record, 'rank')
if rank then return tonumber(rank) end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
rank = redis.call('HINCRBY', pending, ARGV[2], 1)
redis.call('HSET', record, 'id', ARGV[1], 'tenant', ARGV[2], 'status', 'queued', 'createdAt', now, 'rank', rank, unpack(ARGV, 5))
if ARGV[4] ~= '' then redis.call('HSET', record, 'waiters', ARGV[4]) end
if ARGV[3] ~= '0' then
  redis.call('HSET', record, 'expiresAt', now + ARGV[3])
  redis.call('ZADD', expiring, now + ARGV[3], ARGV[1])
end
redis.call('ZADD', unlaned, now, ARGV[1])
return rank
