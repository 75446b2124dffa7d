-- Drops the record of a generation whose retention is over, and keeps for a while that its tenant once had it.
--   KEYS[1] record  KEYS[2] retained  KEYS[3] the tenant's index  KEYS[4] tombstone  KEYS[5] partial images  KEYS[6] former place
--   ARGV[1] id  ARGV[2] milliseconds the tombstone is kept  ARGV[3] milliseconds its place in the index is remembered
-- Answers 'ok', or 'kept' where the generation lives again.
local status, tenant, created = unpack(redis.call('HMGET', KEYS[1], 'status', 'tenant', 'createdAt'))
if status == 'queued' or status == 'running' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 'kept'
end
if tenant then
  redis.call('SET', KEYS[4], tenant, 'PX', ARGV[2])
  if created then redis.call('SET', KEYS[6], tenant .. ' ' .. created, 'PX', ARGV[3]) end
end
redis.call('DEL', KEYS[1], KEYS[5])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 'ok'
