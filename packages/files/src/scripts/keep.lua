-- Makes a written object a file: writes, or replaces, its record and puts it in the indexes.
--   KEYS[1] record  KEYS[2] files-expiring  KEYS[3] index of the tenant  KEYS[4] index of the purpose
--   ARGV[1] object  ARGV[2] id  ARGV[3] creation and  ARGV[4] expiry in Unix milliseconds  ARGV[5…] field, value, … of the record
-- Answers 1, or 0 where the upload is no longer known: its object is, or will be, removed.
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
for i = 3, 4 do
  redis.call('ZADD', KEYS[i], ARGV[3], ARGV[2])
end
return 1
