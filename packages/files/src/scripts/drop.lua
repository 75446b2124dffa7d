-- Takes a file away, record and all, and notes that its object is yet to be removed.
-- KEYS: record, files-expiring, files-dropping, then the tenant's indexes.
-- ARGV: the object, the id, now (ms), 1 to take only what is no longer wanted by now.
-- Returns 0 where it is wanted.
if ARGV[4] == "1" then
  local wanted = redis.call("ZSCORE", KEYS[2], ARGV[1])
  if not wanted or tonumber(wanted) > tonumber(ARGV[3]) then
    return 0
  end
end
redis.call("DEL", KEYS[1])
for i = 4, #KEYS do
  redis.call("ZREM", KEYS[i], ARGV[2])
end
redis.call("ZREM", KEYS[2], ARGV[1])
redis.call("ZADD", KEYS[3], ARGV[3], ARGV[1])
return 1
