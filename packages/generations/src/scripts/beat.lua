--- @include "@darkroom/redis/scripts/now"
--- @include "callers"
-- A process says that it lives.
--   KEYS[1] the root of all names  ARGV[1] its reply channel
-- Answers 'ok'.
local time, instances, returning = now(), root .. 'instances', root .. 'instances-returning'
-- The others are heard within the next seconds, as far as they live.
if are_all_silent(time) then redis.call('SET', returning, '1', 'PX', silent_after_ms) end
redis.call('ZADD', instances, time, ARGV[1])
-- Where the clock was set back, a process that has died since would live until the clock has come as far again.
for _, channel in ipairs(redis.call('ZRANGEBYSCORE', instances, '(' .. string.format('%d', time), '+inf')) do
  redis.call('ZADD', instances, time, channel)
end
-- One that was killed is not needed after an hour, the longest that a caller waits on the line.
if redis.call('EXISTS', returning) == 0 then redis.call('ZREMRANGEBYSCORE', instances, '-inf', time - 3600000) end
return 'ok'
