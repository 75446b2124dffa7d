--- @include "@darkroom/redis/scripts/now"
--- @include "@darkroom/accounts/scripts/tenant-use"
-- Makes a written object a file: writes, or replaces, its record and puts it in the indexes. A file that counts is refused where its tenant has
-- no room for it. Safe to repeat.
--   KEYS[1] record  KEYS[2] files-expiring  KEYS[3] index of the tenant  KEYS[4] index of the purpose  KEYS[5] the root of all names
--   ARGV[1] object  ARGV[2] id  ARGV[3] creation and  ARGV[4] expiry in Unix milliseconds  ARGV[5] tenant
--   ARGV[6] its bytes where it counts with what the tenant holds, else '-'
--   ARGV[7] the most files that the tenant may have with it  ARGV[8] the most bytes; '-' where there is no limit
--   ARGV[9…] field, value, … of the record
-- Answers 'kept'; 'unknown' where the upload is no longer known: its object is, or will be, removed; 'files' or 'bytes' where the tenant
-- would have more than it may.
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 'unknown' end
local root, tenant = KEYS[5], ARGV[5]
local bytes, most_files, most_bytes = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local before = tonumber(redis.call('HGET', KEYS[1], 'counted'))
local by_files = (bytes and 1 or 0) - (before and 1 or 0)
local by_bytes = (bytes or 0) - (before or 0)
local use = read_use(root, tenant)
if most_files and use.files + by_files > most_files then return 'files' end
if most_bytes and use.bytes + by_bytes > most_bytes then return 'bytes' end

redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 9))
if bytes then redis.call('HSET', KEYS[1], 'counted', ARGV[6]) end
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
for i = 3, 4 do
  redis.call('ZADD', KEYS[i], ARGV[3], ARGV[2])
end
if by_files ~= 0 or by_bytes ~= 0 then change_use(root, tenant, { files = by_files, bytes = by_bytes }, now()) end
return 'kept'
