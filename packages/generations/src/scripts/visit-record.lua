--- @include "recount"
-- Audits one record: puts it on the lists that its state requires, and counts it.

-- Puts an id on a list from which it is missing, with its `score`.
local function put_on(list, score, id, repairs)
  if redis.call('ZSCORE', list, id) then return end
  redis.call('ZADD', list, score, id)
  repairs[#repairs + 1] = list .. ' ' .. id
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

local function visit_record(root, id, name, epoch, retention_ms, repairs)
  local status, tenant, created, batch, ended, bytes =
    unpack(redis.call('HMGET', name, 'status', 'tenant', 'createdAt', 'batchId', 'endedAt', 'bytes'))
  -- This release cannot read the record.
  if not (status and tenant and created) then return end
  put_on(root .. 'index:' .. tenant, created, id, repairs)
  if bytes then redis.call('HINCRBY', root .. 'audit-memory', 'held ' .. tenant, bytes) end
  if batch then put_line(root, batch, id, ended, repairs) end
  if status ~= 'queued' and status ~= 'running' then
    if not batch and ended then put_on(root .. 'retained', ended + retention_ms, id, repairs) end
    return
  end

  local lane, key, reserved, started, expires, resumes, rank, counted =
    unpack(redis.call('HMGET', name, 'lane', 'keyId', 'reserved', 'startedAt', 'expiresAt', 'resumesAt', 'rank', 'counted'))
  if not (lane and key) then return end
  local queued = status == 'queued'
  if queued then
    put_on(root .. 'queued', resumes or created, id, repairs)
    if expires and not started then put_on(root .. 'expiring', expires, id, repairs) end
    local ranks = root .. 'ranks:' .. lane
    if (tonumber(redis.call('HGET', ranks, tenant)) or 0) < (tonumber(rank) or 0) then
      redis.call('HSET', ranks, tenant, rank)
      repairs[#repairs + 1] = ranks .. ' ' .. tenant
    end
  else
    put_on(root .. 'running', started or created, id, repairs)
  end
  if counted == epoch then return end
  redis.call('HSET', name, 'counted', epoch)
  recount(root, root .. 'pending:' .. lane, tenant, key, batch, reserved, 1, queued and 1 or 0)
end
