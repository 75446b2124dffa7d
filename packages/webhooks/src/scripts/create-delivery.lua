-- Writes down that an ending is to be told, once: two workers may find it in the outbox at the same time, and the second must not make
-- pending again what is delivered.
--   KEYS[1] delivery  KEYS[2] deliveries that are not settled  KEYS[3] the tenant's deliveries
--   ARGV[1] id  ARGV[2] time of the ending  ARGV[3] time before which the tenant's deliveries are forgotten  ARGV[4…] field, value, …
-- Answers 'created', or 'known' where it was written down before.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'known' end
redis.call('HSET', KEYS[1], 'status', 'pending', 'attempts', 0, unpack(ARGV, 4))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[3])
return 'created'
