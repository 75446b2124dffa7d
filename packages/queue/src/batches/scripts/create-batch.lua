-- Writes a new batch. Safe to repeat.
--   KEYS[1] record  KEYS[2] active batches  KEYS[3] the tenant's batches
--   ARGV[1] id  ARGV[2] tenant  ARGV[3] completion window in milliseconds  ARGV[4…] field, value, …
if redis.call('EXISTS', KEYS[1]) == 1 then return 'known' end
local time = now()
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'tenant', ARGV[2], 'status', 'validating', 'version', 1, 'createdAt', time,
  'expiresAt', time + ARGV[3], unpack(ARGV, 4))
redis.call('ZADD', KEYS[2], time, ARGV[1])
redis.call('ZADD', KEYS[3], time, ARGV[1])
return 'ok'
