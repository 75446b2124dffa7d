--- @include "key"
-- Deletes a key. Its tenant and its name stay for as long as usage names it. So do the versions of its webhook secret, because endings of
-- its active generations are still delivered, and the time of its creation, for a list that continues after it.
--   KEYS[5] index  KEYS[6] index of the tenant  KEYS[7] deleted keys  KEYS[8] the key's account
--   ARGV[2] how long its name is kept, in seconds  ARGV[3] how long the deletion stays among the changes, in milliseconds
-- Answers 'deleted', also the second time, or 'gone' where there was no such key.
if redis.call('HEXISTS', KEYS[1], 'deletedAt') == 1 then return 'deleted' end
if not exists() then return 'gone' end
local tenant, name, created, version, previous_until =
  unpack(redis.call('HMGET', KEYS[1], 'tenant', 'name', 'createdAt', 'webhookSecretVersion', 'webhookPreviousUntil'))
local deleted = now()
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'tenant', tenant, 'name', name, 'createdAt', created or 0, 'deletedAt', deleted)
if version then redis.call('HSET', KEYS[1], 'webhookSecretVersion', version, 'webhookPreviousUntil', previous_until) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[8], ARGV[2])
redis.call('HDEL', KEYS[4], tenant .. ':' .. name)
redis.call('ZREM', KEYS[5], ARGV[1])
redis.call('ZREM', KEYS[6], ARGV[1])
tell()
-- An api process that has not polled for so long reads all keys at its next poll.
local long_ago = deleted - ARGV[3]
for _, id in ipairs(redis.call('ZRANGE', KEYS[7], '-inf', long_ago, 'BYSCORE', 'LIMIT', 0, 1000)) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[7], id)
end
redis.call('ZADD', KEYS[7], deleted, ARGV[1])
return 'deleted'
