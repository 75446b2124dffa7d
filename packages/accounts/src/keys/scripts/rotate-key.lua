--- @include "key"
-- Gives a key a new secret. The former secret is accepted for a while longer. An older secret that is still accepted ends here.
--   ARGV[2] hash of the new secret  ARGV[3] its prefix  ARGV[4] how long the former secret is accepted, in milliseconds
-- Answers 'rotated' or 'gone'.
if not exists() then return 'gone' end
local old = redis.call('HGET', KEYS[1], 'hash')
if old == ARGV[2] then return 'rotated' end
redis.call('HSET', KEYS[1], 'hash', ARGV[2], 'prefix', ARGV[3])
if ARGV[4] == '0' then
  redis.call('HDEL', KEYS[1], 'previousHash', 'previousUntil')
else
  redis.call('HSET', KEYS[1], 'previousHash', old, 'previousUntil', now() + ARGV[4])
end
tell()
return 'rotated'
