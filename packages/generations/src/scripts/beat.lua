--- @include "@darkroom/redis/scripts/now"
--- @include "callers"
-- Heartbeat of an api process.
--   KEYS[1] the root of all names  ARGV[1] its reply channel
-- Answers 'ok'.
local time, instances, returning = now(), root .. 'instances', root .. 'instances-returning'
-- The heartbeats of the other live processes arrive within the next seconds.
if are_all_silent(time) then redis.call('SET', returning, '1', 'PX', silent_after_ms) end
redis.call('ZADD', instances, time, ARGV[1])
-- After the clock was set back, a process that has died would count as alive until the clock has caught up.
for _, channel in ipairs(redis.call('ZRANGEBYSCORE', instances, '(' .. string.format('%d', time), '+inf')) do
  redis.call('ZADD', instances, time, channel)
end
-- A killed process is dropped after an hour, the longest that a caller waits.
if redis.call('EXISTS', returning) == 0 then redis.call('ZREMRANGEBYSCORE', instances, '-inf', time - 3600000) end
return 'ok'
