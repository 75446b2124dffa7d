-- Queues a failed, canceled or expired generation once more, under its own id.
--   ARGV[1] id  ARGV[2] tenant
-- Answers 'gone', 'succeeded' or 'unended' where there is nothing to retry, or the new rank among the tenant's unended ones.
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'gone' end
if status == 'succeeded' then return 'succeeded' end
if not is_ending(status) then return 'unended' end
local rank = redis.call('HINCRBY', KEYS[5], ARGV[2], 1)
redis.call('HDEL', KEYS[1], 'endedAt', 'startedAt', 'error', 'failures', 'handbacks', 'resumesAt', 'abandoned', 'orphan', 'expiresAt')
-- Attempts go on counting: they are the fencing token. Those of before are no crashes of the new life.
redis.call('HSET', KEYS[1], 'status', 'queued', 'rank', rank, 'handbacks', redis.call('HGET', KEYS[1], 'attempts') or 0)
-- Whoever retries it by its id comes back for it by its id.
redis.call('HSET', KEYS[1], 'kept', '1')
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('ZADD', KEYS[3], now(), ARGV[1])
moved(ARGV[1])
return rank
