--- @include "recount"
-- Audits one record: puts it on the lists that its state requires, and counts it.

-- What one step of an audit has read, so that it asks for a list of states once, and not once for each record: list → id → whether the list
-- has it. `ids` are the generations that the step visits.
local function read_lists(root, ids)
  local lists = {}
  if #ids == 0 then return lists end
  for _, kind in ipairs({ 'queued', 'running', 'retained' }) do
    local list, has = root .. kind, {}
    local scores = redis.pcall('ZMSCORE', list, unpack(ids))
    -- Where it is no list, each record that should be on it is told as a fault.
    if not scores.err then
      for at, id in ipairs(ids) do
        has[id] = scores[at] and true or false
      end
      lists[list] = has
    end
  end
  return lists
end

-- Puts an id on a list from which it is missing, with its `score`.
local function put_on(list, score, id, repairs, lists)
  local read = lists and lists[list]
  local has
  if read then
    has = read[id]
  else
    has = redis.call('ZSCORE', list, id)
  end
  if has then return end
  redis.call('ZADD', list, score, id)
  if read then read[id] = true end
  repairs[#repairs + 1] = list .. ' ' .. id
end

local function add_sum(sums, field, by)
  if by ~= 0 then sums[field] = (sums[field] or 0) + by end
end

local function put_line(root, batch, id, ended, repairs)
  if redis.call('SADD', root .. 'batch-lines:' .. batch, id) == 1 then
    repairs[#repairs + 1] = root .. 'batch-lines:' .. batch .. ' ' .. id
  end
  -- A collected line has no record, so a line with a record has not been collected.
  local list = root .. 'batch-ended:' .. batch
  if ended and not redis.call('LPOS', list, id) then
    redis.call('RPUSH', list, id)
    repairs[#repairs + 1] = list .. ' ' .. id
  end
end

-- `step_sums` are what this step has counted: `under_way` (recount.lua), and `held`, bytes (correct-memory.lua). The step adds them to the
-- sums of the audit when it has visited all.
local function visit_record(root, id, name, epoch, retention_ms, repairs, lists, step_sums)
  local status, tenant, created, batch, ended, bytes =
    unpack(redis.call('HMGET', name, 'status', 'tenant', 'createdAt', 'batchId', 'endedAt', 'bytes'))
  -- This release cannot read the record.
  if not (status and tenant and created) then return end
  put_on(root .. 'index:' .. tenant, created, id, repairs)
  if bytes then add_sum(step_sums.held, 'held ' .. tenant, bytes) end
  if batch then put_line(root, batch, id, ended, repairs) end
  if status ~= 'queued' and status ~= 'running' then
    if not batch and ended then put_on(root .. 'retained', ended + retention_ms, id, repairs, lists) end
    return
  end

  local lane, key, reserved, started, expires, resumes, rank, counted =
    unpack(redis.call('HMGET', name, 'lane', 'keyId', 'reserved', 'startedAt', 'expiresAt', 'resumesAt', 'rank', 'counted'))
  if not (lane and key) then return end
  local queued = status == 'queued'
  if queued then
    put_on(root .. 'queued', resumes or created, id, repairs, lists)
    if expires and not started then put_on(root .. 'expiring', expires, id, repairs) end
    local ranks = root .. 'ranks:' .. lane
    if (tonumber(redis.call('HGET', ranks, tenant)) or 0) < (tonumber(rank) or 0) then
      redis.call('HSET', ranks, tenant, rank)
      repairs[#repairs + 1] = ranks .. ' ' .. tenant
    end
  else
    put_on(root .. 'running', started or created, id, repairs, lists)
  end
  if counted == epoch then return end
  local account, active, waiting, held = under_way(root, key, batch, reserved, 1, queued and 1 or 0)
  redis.call('HSET', name, 'counted', epoch)
  add_sum(step_sums.under_way, account .. ' active', active)
  add_sum(step_sums.under_way, account .. ' queued', waiting)
  add_sum(step_sums.under_way, account .. ' reserved', held)
  add_sum(step_sums.under_way, root .. 'pending:' .. lane .. ' ' .. tenant, 1)
end
