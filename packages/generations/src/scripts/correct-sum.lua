-- Compares a sum with what the audit has counted, and corrects it. `field` is '{name of a hash} {its field}'.
-- A difference in an account stays the same while generations come and go, because each move changes both sides. It is corrected when two
-- audits in a row have found the same difference: a process of a release that does not change the audit's sums causes changing ones. A
-- number of a lane is never below zero, so a difference in it does change. It only orders jobs, so it is corrected at once.
--   root .. 'audit-differences'         HASH: the differences that this audit has found in accounts, by field
--   root .. 'audit-differences-before'  HASH: those of the audit before it
local function correct_sum(root, field, sum, repairs)
  local name, of = string.match(field, '^(%S+) (.*)$')
  local is = tonumber(redis.call('HGET', name, of)) or 0
  local difference = is - sum
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
