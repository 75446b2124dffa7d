--- @include "@darkroom/redis/scripts/now"
-- Sets aside what cannot be read: it is looked at again after a pause, behind all that is due meanwhile, and its reason is kept until then.
--   KEYS[1] ZSET that it is on, by the time from which on it is due
--   KEYS[2] webhooks that could not be read, HASH of { reason, atMs } in JSON
--   ARGV[1] what  ARGV[2] the reason  ARGV[3] milliseconds of the pause
-- Answers 1 where it is set aside for the first time, else 0.
local time = now()
redis.call('ZADD', KEYS[1], 'XX', time + ARGV[3], ARGV[1])
return redis.call('HSETNX', KEYS[2], ARGV[1], cjson.encode({ reason = ARGV[2], atMs = time }))
