--- @include "delivery-queue"
--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/redis/scripts/quarantine"
-- Writes down that an ending is to be told, puts that in line, and takes the ending out of the outbox. Two workers may hand over the same
-- ending, and the second must not make pending again what is delivered.
--   KEYS[1] delivery  KEYS[2] deliveries that are not settled  KEYS[3] the tenant's deliveries  KEYS[4] outbox
--   KEYS[5] root of all names
--   ARGV[1] entry of the outbox  ARGV[2] milliseconds until what waits in line is looked at again
--   ARGV[3] id  ARGV[4] tenant  ARGV[5] origin  ARGV[6] time of the ending
--   ARGV[7] time before which the tenant's deliveries are forgotten  ARGV[8…] field, value, …
-- Answers 'created', or 'known' where it was written down before.
redis.call('ZREM', KEYS[4], ARGV[1])
release(root, 'webhook-ending', { ARGV[1] })
if redis.call('EXISTS', KEYS[1]) == 1 then return 'known' end
redis.call('HSET', KEYS[1], 'status', 'pending', 'attempts', 0, unpack(ARGV, 8))
redis.call('ZADD', KEYS[2], now() + ARGV[2], ARGV[3])
redis.call('ZADD', KEYS[3], ARGV[6], ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[7])
-- A tenant that has no more deliveries would keep the ids of its last ones.
redis.call('PEXPIRE', KEYS[3], string.format('%d', ARGV[6] - ARGV[7]))
enqueue(ARGV[3], ARGV[4], ARGV[5])
return 'created'
