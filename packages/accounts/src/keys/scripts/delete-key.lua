--- @include "key"
-- Takes a key away. Whose it was and what it was called stays for as long as usage names it, and so does which secrets sign its webhooks:
-- how what it had under way ended is still to be told. The time of its creation stays for who goes on from it in a list.
--   KEYS[5] index  KEYS[6] index of the tenant  KEYS[7] deleted keys  KEYS[8] the key's account
--   ARGV[2] how long its name is kept, in seconds  ARGV[3] how long the deletion is among the changes, in milliseconds
-- Answers 'deleted', the second time too, or 'gone' where there was no such key.
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
-- An api process that has not looked for so long reads all keys when it comes back.
local long_ago = deleted - ARGV[3]
for _, id in ipairs(redis.call('ZRANGE', KEYS[7], '-inf', long_ago, 'BYSCORE', 'LIMIT', 0, 1000)) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[7], id)
end
redis.call('ZADD', KEYS[7], deleted, ARGV[1])
return 'deleted'
