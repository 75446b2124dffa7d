--- @include "delivery-queue"
--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/redis/scripts/quarantine"
-- Notes what came of a delivery that was taken. A worker that lost it meanwhile, because it stood still for longer than its lease, changes
-- nothing: another may have settled it since. Only that a receiver has accepted it counts from every worker, for as long as it is pending.
-- What came of a take from before a replay does not count, so that the replay is sent. Safe to repeat.
--   KEYS[1] delivery  KEYS[2] deliveries that are not settled  KEYS[3] root of all names
--   ARGV[1] id  ARGV[2] number of the take
--   ARGV[3] what came of it: a status that settles it; 'again' for another attempt after a pause; 'later' for the same attempt after a pause
--   ARGV[4] milliseconds: that a settled delivery is kept, or of the pause  ARGV[5…] field, value, …
-- Answers 'ok', or 'lost'.
local status, tenant, origin, takes, replay_take, next_attempt = describe(ARGV[1])
if not tenant then return 'lost' end
if status ~= 'pending' then return takes == ARGV[2] and status == ARGV[3] and 'ok' or 'lost' end
if takes ~= ARGV[2] and ARGV[3] ~= 'delivered' then return 'lost' end
if tonumber(ARGV[2]) <= (tonumber(replay_take) or 0) then return 'lost' end
-- The first write removes something. Redis without memory refuses a script whose first write adds something, and a webhook whose result is
-- not noted is posted again.
leave_line(ARGV[1], tenant, origin)
-- It could be read, or nothing would have come of it.
release(root, 'webhook-delivery', { ARGV[1] })
local pauses = ARGV[3] == 'again' or ARGV[3] == 'later'
if not pauses then
  redis.call('HSET', KEYS[1], 'status', ARGV[3], unpack(ARGV, 5))
  if next_attempt then redis.call('HDEL', KEYS[1], 'nextAttemptAtMs') end
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 'ok'
end
local at = now() + ARGV[4]
if #ARGV > 4 then redis.call('HSET', KEYS[1], unpack(ARGV, 5)) end
if ARGV[3] == 'again' then redis.call('HSET', KEYS[1], 'nextAttemptAtMs', at) end
redis.call('ZADD', KEYS[2], at, ARGV[1])
return 'ok'
