-- A process says that it lives. KEYS[1] instances  ARGV[1] its reply channel
local time = now()
redis.call('ZADD', KEYS[1], time, ARGV[1])
-- One that was killed is missed by nobody after an hour, the longest that a caller waits on the line.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', time - 3600000)
return 'ok'
