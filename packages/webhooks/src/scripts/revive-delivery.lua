--- @include "delivery-queue"
--- @include "@darkroom/redis/scripts/now"
-- Makes a settled delivery pending again, with all its attempts, welcomes its address, and puts it in line. It counts as a take, so that what
-- came of the takes before it is told apart.
--   KEYS[1] delivery  KEYS[2] deliveries that are not settled  KEYS[3] its address, where that is off  KEYS[4] root of all names
--   ARGV[1] id  ARGV[2] milliseconds until what waits in line is looked at again
-- Answers 'ok', or 'refused' where it is pending or unknown.
local status, tenant, origin = describe(ARGV[1])
if not tenant or status == 'pending' then return 'refused' end
local time = now()
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[1], 'status', 'pending', 'attempts', 0, 'nextAttemptAtMs', time)
redis.call('HSET', KEYS[1], 'replayTake', redis.call('HINCRBY', KEYS[1], 'takes', 1))
redis.call('PERSIST', KEYS[1])
redis.call('ZADD', KEYS[2], time + ARGV[2], ARGV[1])
enqueue(ARGV[1], tenant, origin)
return 'ok'
