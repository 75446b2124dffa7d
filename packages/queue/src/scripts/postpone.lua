-- Puts a running generation down for another attempt. Until that begins the janitor has an eye on it: should its job get lost
-- between here and its lane, it is put back.
--   ARGV[1] id  ARGV[2] fencing token  ARGV[3] counter to raise: 'failures', or 'handbacks' for work given back unharmed
--   ARGV[4] pause in milliseconds
local status, attempts = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts'))
if status ~= 'running' or attempts ~= ARGV[2] then return 'fenced' end
local resumes = now() + ARGV[4]
redis.call('HSET', KEYS[1], 'status', 'queued', 'resumesAt', resumes)
redis.call('HINCRBY', KEYS[1], ARGV[3], 1)
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], resumes, ARGV[1])
moved(ARGV[1])
return 'ok'
