--- @include "@darkroom/redis/scripts/now"
-- Takes endings from the outbox for one worker, which hands them over: for a while they are not due for the others. Half of them are the
-- oldest and half the newest, so that thousands of endings of one tenant do not hold up what has just ended for another.
--   KEYS[1] outbox, a ZSET of endings by the time from which on they are due
--   ARGV[1] the most of each half  ARGV[2] milliseconds until what is claimed is due again
--   ARGV[3] milliseconds that nothing is due later than
-- Answers the endings.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local time = now()
-- What is due later than that was noted by a clock that has been set back since.
local ahead = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%d', time + ARGV[3]), '+inf', 'LIMIT', 0, ARGV[1])
for _, ending in ipairs(ahead) do
  redis.call('ZADD', KEYS[1], time, ending)
end
local claimed, known = {}, {}
local oldest = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time, 'LIMIT', 0, ARGV[1])
local newest = redis.call('ZREVRANGEBYSCORE', KEYS[1], time, '-inf', 'LIMIT', 0, ARGV[1])
for _, half in ipairs({ oldest, newest }) do
  for _, ending in ipairs(half) do
    if not known[ending] then
      known[ending] = true
      claimed[#claimed + 1] = ending
      redis.call('ZADD', KEYS[1], time + ARGV[2], ending)
    end
  end
end
return claimed
