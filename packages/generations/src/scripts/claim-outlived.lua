--- @include "@darkroom/redis/scripts/now"
--- @include "tenant-memory"
-- Claims the next page of generations whose retention is over, so that their objects can be removed, and leaves a tombstone with its tenant
-- for a while in place of each. It renames the records, so that no other script finds them. What is claimed is not due for any other worker
-- until this one may have died.
--   KEYS[1] retained  KEYS[2] the root of all names
--   ARGV[1] the most  ARGV[2] milliseconds a tombstone is kept  ARGV[3] milliseconds a place in the index is remembered
--   ARGV[4] milliseconds until another worker may take over what this one has claimed
-- Answers { how many were due; id, what is known of it, …, of each that was claimed }. What is known: 'objects' where it may have some,
-- 'none' where it has none, or the error with which Redis refused.
local root, time = KEYS[2], now()
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time, 'LIMIT', 0, ARGV[1])
local answer = { #due }
if #due == 0 then return answer end
-- All of them are claimed first: one that cannot be handled does not come first in the next page again. A Redis at its memory limit refuses
-- a script that begins with ZADD, but neither ZREM nor what follows it.
redis.call('ZREM', KEYS[1], unpack(due))
local again = {}
for _, id in ipairs(due) do
  again[#again + 1] = time + ARGV[4]
  again[#again + 1] = id
end
redis.call('ZADD', KEYS[1], unpack(again))

-- Answers what is known of a generation; false where it was queued again.
local function claim(id)
  local record, forgotten = root .. 'generation:' .. id, root .. 'forgotten:' .. id
  local status, tenant, created, bytes = unpack(redis.call('HMGET', record, 'status', 'tenant', 'createdAt', 'bytes'))
  if status == 'queued' or status == 'running' then
    redis.call('ZREM', KEYS[1], id)
    return false
  end
  if status then redis.call('RENAME', record, forgotten) end
  if tenant then
    redis.call('ZREM', root .. 'index:' .. tenant, id)
    -- Of an id `gen_…`: see tombstoneField in key-names.ts. The whole hash lives for as long as its newest tombstone.
    local tombstones = root .. 'tombstones:' .. string.sub(id, 5, 9) .. ':' .. string.sub(id, -3)
    redis.call('HSET', tombstones, string.sub(id, 10, -4), tenant)
    redis.call('PEXPIRE', tombstones, ARGV[2])
    if bytes then add_bytes(root, tenant, -bytes) end
    if created then redis.call('SET', root .. 'former-place:' .. id, tenant .. ' ' .. created, 'PX', ARGV[3]) end
  end
  local delivery, superseded = unpack(redis.call('HMGET', forgotten, 'delivery', 'superseded'))
  -- A packed record has a mark in place of its delivery.
  if delivery or superseded then return 'objects' end
  return redis.call('EXISTS', root .. 'partials:' .. id) == 1 and 'objects' or 'none'
end

for _, id in ipairs(due) do
  local ok, known = pcall(claim, id)
  if known then
    answer[#answer + 1] = id
    answer[#answer + 1] = ok and known or (type(known) == 'table' and known.err or tostring(known))
  end
end
return answer
