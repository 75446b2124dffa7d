--- @include "key"
-- Writes down a new key.
--   KEYS[5] index  KEYS[6] index of the tenant
--   ARGV[2] tenant  ARGV[3] name  ARGV[4…] field, value, …
-- Answers 'created', or 'taken' where the tenant has a key of that name.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'created' end
if redis.call('HSETNX', KEYS[4], ARGV[2] .. ':' .. ARGV[3], ARGV[1]) == 0 then return 'taken' end
local created = now()
redis.call('HSET', KEYS[1], 'tenant', ARGV[2], 'name', ARGV[3], 'status', 'active', 'createdAt', created, unpack(ARGV, 4))
redis.call('ZADD', KEYS[5], created, ARGV[1])
redis.call('ZADD', KEYS[6], created, ARGV[1])
tell()
return 'created'
