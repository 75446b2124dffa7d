-- Begins an attempt: the attempt number it sets is the fencing token under which everything later is written.
--   ARGV[1] id  ARGV[2] retention of ended records, in milliseconds
-- Answers 'gone', 'ended', 'expired', or the record as field, value, …
local id = ARGV[1]
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'gone' end
if is_ending(status) then return 'ended' end

local expires = redis.call('HGET', KEYS[1], 'expiresAt')
local started = redis.call('HEXISTS', KEYS[1], 'startedAt') == 1
if expires and not started and now() >= tonumber(expires) then
  end_generation(id, 'expired', ARGV[2], {})
  return 'expired'
end

redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'status', 'running')
if not started then redis.call('HSET', KEYS[1], 'startedAt', now()) end
redis.call('ZADD', KEYS[2], now(), id)
redis.call('ZREM', KEYS[3], id)
redis.call('ZREM', KEYS[4], id)
return redis.call('HGETALL', KEYS[1])
