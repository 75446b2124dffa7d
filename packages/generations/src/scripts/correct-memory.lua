-- Compares what the tenants are said to hold with what an audit has found in the records, and corrects it. No record is marked as counted: that
-- would write to a million of them in every pass. So a sum is wrong by at most what has moved meanwhile, or by a record that SCAN has answered
-- twice. What differs by more, and in the same direction as in the audit before, is corrected by the smaller of both differences.
--   root .. 'audit-memory'  HASH 'held {tenant}' → bytes that the audit has found, 'moved {tenant}' → bytes that have come and gone meanwhile
local function correct_tenant(root, tenant, held, moved, repairs)
  local name = root .. 'tenant-memory'
  local field = name .. ' ' .. tenant
  local difference = (tonumber(redis.call('HGET', name, tenant)) or 0) - held
  if math.abs(difference) <= moved then return end
  local before = tonumber(redis.call('HGET', root .. 'audit-differences-before', field)) or 0
  local correction = difference > 0 and math.max(math.min(difference, before), 0) or math.min(math.max(difference, before), 0)
  if correction == 0 then
    redis.call('HSET', root .. 'audit-differences', field, difference)
    return
  end
  if redis.call('HINCRBY', name, tenant, -correction) <= 0 then redis.call('HDEL', name, tenant) end
  repairs[#repairs + 1] = string.format('%s %d', field, -correction)
end

local function begin_memory(root)
  redis.call('UNLINK', root .. 'audit-memory')
  -- Those who hold nothing any more are looked at, too.
  for _, tenant in ipairs(redis.call('HKEYS', root .. 'tenant-memory')) do
    redis.call('HSET', root .. 'audit-memory', 'held ' .. tenant, 0)
  end
end

local function correct_memory(root, repairs)
  local found = redis.call('HGETALL', root .. 'audit-memory')
  local moved = {}
  for at = 1, #found, 2 do
    local tenant = string.match(found[at], '^moved (.*)$')
    if tenant then moved[tenant] = tonumber(found[at + 1]) end
  end
  for at = 1, #found, 2 do
    local tenant = string.match(found[at], '^held (.*)$')
    if tenant then correct_tenant(root, tenant, tonumber(found[at + 1]), moved[tenant] or 0, repairs) end
  end
  redis.call('UNLINK', root .. 'audit-memory')
end
