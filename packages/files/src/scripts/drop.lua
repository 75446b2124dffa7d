--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/accounts/scripts/tenant-use"
-- Takes a file away, record and all, gives back what it counted for, and notes that its object is yet to be removed. Safe to repeat.
--   KEYS[1] record  KEYS[2] files-expiring  KEYS[3] files-dropping  KEYS[4] former place  KEYS[5] the root of all names
--   KEYS[6…] the tenant's indexes, that of all its files first. The name of each other one is that of the first, ':' and a purpose.
--   ARGV[1] object  ARGV[2] id  ARGV[3] now in Unix milliseconds  ARGV[4] '1' to take only what is no longer wanted by now
--   ARGV[5] tenant  ARGV[6] milliseconds that its place in the indexes is remembered
-- Answers 1, or 0 where it is wanted.
if ARGV[4] == '1' then
  local wanted = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if not wanted or tonumber(wanted) > tonumber(ARGV[3]) then return 0 end
end
local created = redis.call('ZSCORE', KEYS[6], ARGV[2])
local counted, purpose = unpack(redis.call('HMGET', KEYS[1], 'counted', 'purpose'))
counted = tonumber(counted)
if created then redis.call('SET', KEYS[4], ARGV[5] .. ' ' .. created, 'PX', ARGV[6]) end
redis.call('DEL', KEYS[1])
for i = 6, #KEYS do
  redis.call('ZREM', KEYS[i], ARGV[2])
end
-- A purpose that only a newer release knows has an index, too.
if purpose then redis.call('ZREM', KEYS[6] .. ':' .. purpose, ARGV[2]) end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
if counted then change_use(KEYS[5], ARGV[5], { files = -1, bytes = -counted }, now()) end
return 1
