-- Corrects what a tenant is said to hold by what was counted in the records, unless something has changed since the count began.
--   KEYS[1] sums of the tenant  KEYS[2] tenants by when they are counted again
--   ARGV[1] `changes` when the count began  ARGV[2] files  ARGV[3] bytes  ARGV[4] lines  ARGV[5] tenant
--   ARGV[6] Unix milliseconds at which it is counted again
-- Answers 'right', 'corrected', or 'changed' where the count is worth nothing. Sums of a tenant that holds nothing are removed.
if redis.call('HGET', KEYS[1], 'changes') ~= ARGV[1] then return 'changed' end
local right, empty = true, true
for i, field in ipairs({ 'files', 'bytes', 'lines' }) do
  local counted = tonumber(ARGV[i + 1])
  if (tonumber(redis.call('HGET', KEYS[1], field)) or 0) ~= counted then right = false end
  if counted ~= 0 then empty = false end
end
if empty then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[5])
else
  if not right then redis.call('HSET', KEYS[1], 'files', ARGV[2], 'bytes', ARGV[3], 'lines', ARGV[4]) end
  redis.call('ZADD', KEYS[2], 'XX', ARGV[6], ARGV[5])
end
return right and 'right' or 'corrected'
