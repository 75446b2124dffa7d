--- @include "recount"
-- Audits one record: puts it on the lists that its state requires, and counts it.

-- The fields of a record that an audit looks at, in this order.
local audited_fields = {
  'status',
  'tenant',
  'createdAt',
  'batchId',
  'endedAt',
  'bytes',
  'lane',
  'keyId',
  'reserved',
  'startedAt',
  'expiresAt',
  'resumesAt',
  'rank',
  'counted',
}

-- Which of some ids a list has: id → true or false. Nil where the list is of another type: each record that should be on it is told as a
-- fault then.
local function has_of(list, ids)
  local scores = redis.pcall('ZMSCORE', list, unpack(ids))
  if scores.err then return nil end
  local has = {}
  for at, id in ipairs(ids) do
    has[id] = scores[at] and true or false
  end
  return has
end

-- What one step of an audit reads at once and not for each record. `ids` are the generations whose records it visits, `job_ids` those whose
-- jobs it visits. Answers `records` (id → fields; none where the record cannot be read), `lists` (list → id → whether the list has it), and
-- `ranks`, which fills while records are visited.
local function read_page(root, ids, job_ids)
  local page = { records = {}, lists = {}, ranks = {} }
  local of_index, of_state = {}, {}
  for _, id in ipairs(ids) do
    local fields = redis.pcall('HMGET', root .. 'generation:' .. id, unpack(audited_fields))
    if not fields.err then
      page.records[id] = fields
      of_state[#of_state + 1] = id
      local index = fields[2] and root .. 'index:' .. fields[2]
      if index then
        of_index[index] = of_index[index] or {}
        table.insert(of_index[index], id)
      end
    end
  end
  for _, id in ipairs(job_ids) do
    of_state[#of_state + 1] = id
  end
  for list, some in pairs(of_index) do
    page.lists[list] = has_of(list, some)
  end
  if #of_state > 0 then
    for _, kind in ipairs({ 'queued', 'running', 'retained' }) do
      page.lists[root .. kind] = has_of(root .. kind, of_state)
    end
  end
  return page
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

-- The rank of a tenant's latest job on a lane.
local function rank_of(page, ranks, tenant)
  local known = page.ranks[ranks] or {}
  page.ranks[ranks] = known
  known[tenant] = known[tenant] or tonumber(redis.call('HGET', ranks, tenant)) or 0
  return known[tenant]
end

-- `page` is what `read_page` has read. `step_sums` are what this step has counted: `under_way` (recount.lua), and `held`, bytes
-- (correct-memory.lua). The step adds them to the sums of the audit when it has visited all.
local function visit_record(root, id, name, epoch, retention_ms, repairs, page, step_sums)
  local lists = page.lists
  -- A record that could not be read is asked for again, for its fault.
  local fields = page.records[id] or redis.call('HMGET', name, unpack(audited_fields))
  local status, tenant, created, batch, ended, bytes, lane, key, reserved, started, expires, resumes, rank, counted =
    unpack(fields, 1, #audited_fields)
  -- This release cannot read the record.
  if not (status and tenant and created) then return end
  put_on(root .. 'index:' .. tenant, created, id, repairs, lists)
  if bytes then add_sum(step_sums.held, 'held ' .. tenant, bytes) end
  if batch then put_line(root, batch, id, ended, repairs) end
  if status ~= 'queued' and status ~= 'running' then
    if not batch and ended then put_on(root .. 'retained', ended + retention_ms, id, repairs, lists) end
    return
  end

  if not (lane and key) then return end
  local queued = status == 'queued'
  if queued then
    put_on(root .. 'queued', resumes or created, id, repairs, lists)
    if expires and not started then put_on(root .. 'expiring', expires, id, repairs) end
    local ranks = root .. 'ranks:' .. lane
    if rank_of(page, ranks, tenant) < (tonumber(rank) or 0) then
      redis.call('HSET', ranks, tenant, rank)
      page.ranks[ranks][tenant] = tonumber(rank)
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
