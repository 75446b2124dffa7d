--- @include "key"
-- Changes single fields of a key, so that two changes of different fields do not undo each other.
--   ARGV[2] its new name, or '' where it stays  ARGV[3…] field, value, …; a value of '' removes the field
-- Answers 'updated', 'gone', or 'taken' where the tenant has another key of that name.
if not exists() then return 'gone' end
local tenant, name = unpack(redis.call('HMGET', KEYS[1], 'tenant', 'name'))
if ARGV[2] ~= '' and ARGV[2] ~= name then
  if redis.call('HSETNX', KEYS[4], tenant .. ':' .. ARGV[2], ARGV[1]) == 0 then return 'taken' end
  redis.call('HDEL', KEYS[4], tenant .. ':' .. name)
  redis.call('HSET', KEYS[1], 'name', ARGV[2])
end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
tell()
return 'updated'
