-- Compares a sum with what the audit has counted, and corrects it. `field` is '{name of a hash} {its field}'.
-- A difference in an account stays the same while generations come and go, because each move changes both sides. It is corrected when two
-- audits in a row have found the same difference: a process of a release that does not change the audit's sums causes changing ones. A
-- number of a lane is never below zero, so a difference in it does change. It only orders jobs, so it is corrected at once.
--   root .. 'audit-differences'         HASH: the differences that this audit has found in accounts, by field
--   root .. 'audit-differences-before'  HASH: those of the audit before it

-- The memory of a tenant is counted without a mark in each record, which would be written to a million records a pass. So the count is wrong by at
-- most what has moved meanwhile, or by what SCAN has answered twice. What differs by more, and in the same direction as in the audit before, is
-- corrected by the smaller of both differences.
local function correct_memory(root, name, tenant, field, difference, repairs)
  local moved = tonumber(redis.call('HGET', root .. 'audit-sums', 'moved ' .. tenant)) or 0
  if math.abs(difference) <= moved then return end
  redis.call('HSET', root .. 'audit-differences', field, difference)
  local before = tonumber(redis.call('HGET', root .. 'audit-differences-before', field)) or 0
  local correction = 0
  if difference > 0 then correction = math.max(math.min(difference, before), 0) end
  if difference < 0 then correction = math.min(math.max(difference, before), 0) end
  if correction == 0 then return end
  redis.call('HDEL', root .. 'audit-differences', field)
  if redis.call('HINCRBY', name, tenant, -correction) <= 0 then redis.call('HDEL', name, tenant) end
  repairs[#repairs + 1] = string.format('%s %d', field, -correction)
end

local function correct_sum(root, field, sum, repairs)
  local name, of = string.match(field, '^(%S+) (.*)$')
  if name == 'moved' then return end
  local is = tonumber(redis.call('HGET', name, of)) or 0
  local difference = is - sum
  if name == root .. 'tenant-memory' then return correct_memory(root, name, of, field, difference, repairs) end
  local lane = string.match(string.sub(name, #root + 1), '^pending:(.*)$')
  if difference ~= 0 then
    if lane or tonumber(redis.call('HGET', root .. 'audit-differences-before', field)) == difference then
      redis.call('HINCRBY', name, of, -difference)
      repairs[#repairs + 1] = string.format('%s %d', field, -difference)
    else
      redis.call('HSET', root .. 'audit-differences', field, difference)
    end
  end
  if not lane then return end
  -- The same happens when the last generation of a tenant, or the last of all, ends on the lane.
  local ranks = root .. 'ranks:' .. lane
  if sum == 0 then
    redis.call('HDEL', name, of)
    if of ~= '' then redis.call('HDEL', ranks, of) end
  end
  if redis.call('EXISTS', name) == 0 then redis.call('DEL', ranks) end
end
