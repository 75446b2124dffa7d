-- Makes a written object a file: writes, or replaces, its record and puts it in the indexes.
-- KEYS: record, files-expiring, the index of the tenant, the index of the purpose.
-- ARGV: the object, the id, created (ms), expires (ms), then the fields of the record.
-- Returns 0 where the upload is no longer known: its object is, or will be, removed.
if not redis.call("ZSCORE", KEYS[2], ARGV[1]) then
  return 0
end
redis.call("DEL", KEYS[1])
redis.call("HSET", KEYS[1], unpack(ARGV, 5))
redis.call("ZADD", KEYS[2], ARGV[4], ARGV[1])
for i = 3, 4 do
  redis.call("ZADD", KEYS[i], ARGV[3], ARGV[2])
end
return 1
