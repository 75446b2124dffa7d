-- What a tenant holds, for the quotas of its keys: uploaded files, their bytes, and lines of batches that have not ended. The scripts that make
-- and remove these change the sums in the same step. Each record carries what it stands for in them: `counted` of a file, `heldLines` of a
-- batch. So nothing is given back twice, and the sums can be counted again from the records (recount-use.lua).
--   root .. 'tenant-use:' .. tenant  HASH: files, bytes, lines; and `changes`, a number that grows with each change. Gone where all are 0
--   root .. 'tenant-use-due'         ZSET of the tenants that have sums, by when they are to be counted again

-- Only a process of an older release, which changes records and not the sums, makes a sum wrong. It is right again an hour later.
local recount_ms = 3600000

local function read_use(root, tenant)
  local files, bytes, lines = unpack(redis.call('HMGET', root .. 'tenant-use:' .. tenant, 'files', 'bytes', 'lines'))
  return { files = tonumber(files) or 0, bytes = tonumber(bytes) or 0, lines = tonumber(lines) or 0 }
end

-- Adds to the sums what `by` has of { files, bytes, lines }.
local function change_use(root, tenant, by, time)
  local name, use = root .. 'tenant-use:' .. tenant, read_use(root, tenant)
  local is_empty = true
  for field, amount in pairs(use) do
    use[field] = math.max(amount + (by[field] or 0), 0)
    is_empty = is_empty and use[field] == 0
  end
  if is_empty then
    redis.call('DEL', name)
    redis.call('ZREM', root .. 'tenant-use-due', tenant)
    return
  end
  -- It begins with the time, so that sums that are made anew do not begin with a number of the former ones.
  redis.call('HSETNX', name, 'changes', time)
  redis.call('HINCRBY', name, 'changes', 1)
  -- As text: Redis would write a large number as 1e+14.
  local function text(number)
    return string.format('%.0f', number)
  end
  redis.call('HSET', name, 'files', text(use.files), 'bytes', text(use.bytes), 'lines', text(use.lines))
  redis.call('ZADD', root .. 'tenant-use-due', 'NX', time + recount_ms, tenant)
end
