--- @include "@darkroom/redis/scripts/now"
--- @include "tenant-memory"
-- Claims a generation whose retention is over, so that its objects can be removed, and leaves a tombstone with its tenant for a while. The
-- script checks whether the retention is over, because the list may be older than a retry by its owner. It renames the record, so that no
-- other script finds it.
--   KEYS[1] record  KEYS[2] retained  KEYS[3] record of what is being forgotten  KEYS[4] tombstone  KEYS[5] former place
--   KEYS[6] the root of all names
--   ARGV[1] id  ARGV[2] milliseconds the tombstone is kept  ARGV[3] milliseconds its place in the index is remembered
--   ARGV[4] milliseconds until another may take over from a worker that died
-- Answers 'claimed', or 'kept' where it was queued again or another worker has claimed it.
local id, time = ARGV[1], now()
local due = redis.call('ZSCORE', KEYS[2], id)
if not due or tonumber(due) > time then return 'kept' end
local status, tenant, created, bytes = unpack(redis.call('HMGET', KEYS[1], 'status', 'tenant', 'createdAt', 'bytes'))
if status == 'queued' or status == 'running' then
  redis.call('ZREM', KEYS[2], id)
  return 'kept'
end
-- RENAME comes first: a Redis at its memory limit refuses neither it nor the commands that follow it in the same script.
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[3]) end
if tenant then
  redis.call('ZREM', KEYS[6] .. 'index:' .. tenant, id)
  redis.call('SET', KEYS[4], tenant, 'PX', ARGV[2])
  if bytes then add_bytes(KEYS[6], tenant, -bytes) end
  if created then redis.call('SET', KEYS[5], tenant .. ' ' .. created, 'PX', ARGV[3]) end
end
redis.call('ZADD', KEYS[2], time + ARGV[4], id)
return 'claimed'
