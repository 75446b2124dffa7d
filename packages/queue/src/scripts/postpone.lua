-- Puts a running generation down for another attempt. Until that begins the janitor has an eye on it: should its job get lost
-- between here and its lane, it is put back.
--   KEYS[1] record  KEYS[2] running  KEYS[3] unlaned
--   ARGV[1] id  ARGV[2] fencing token  ARGV[3] counter to raise: 'failures', or 'handbacks' for work given back unharmed
--   ARGV[4] pause in milliseconds
if redis.call('HGET', KEYS[1], 'status') ~= 'running' or redis.call('HGET', KEYS[1], 'attempts') ~= ARGV[2] then
  return 'fenced'
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'status', 'queued')
redis.call('HINCRBY', KEYS[1], ARGV[3], 1)
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], now + ARGV[4], ARGV[1])
return 'ok'
