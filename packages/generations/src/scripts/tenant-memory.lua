-- About how much of Redis' memory the generations of a tenant take: what a memory guard goes by. Lines of batches are not counted; the
-- window of their batch bounds them.
--   root .. 'tenant-memory'  HASH tenant → bytes. A tenant with none has no field.
-- A record carries in `bytes` what it stands for in the sum.

-- Measured by `pnpm bench redis`: what Redis takes beside the names and values of a record, with its places on the lists.
local record_overhead = 2600
local packed_overhead = 550

-- In bytes, of names and values by turns.
local function length_of(fields)
  local length = 0
  for _, text in ipairs(fields) do
    length = length + #text
  end
  return length
end

-- While an audit counts, how much moves meanwhile is added up, too: by so much its own sum may be wrong (correct-memory.lua).
local function add_bytes(root, tenant, bytes)
  if redis.call('HEXISTS', root .. 'audit', 'epoch') == 1 then
    redis.call('HINCRBY', root .. 'audit-memory', 'moved ' .. tenant, math.abs(bytes))
  end
  if redis.call('HINCRBY', root .. 'tenant-memory', tenant, bytes) <= 0 then redis.call('HDEL', root .. 'tenant-memory', tenant) end
end

local function note_bytes(root, record, tenant, before, bytes)
  redis.call('HSET', record, 'bytes', bytes)
  add_bytes(root, tenant, bytes - (tonumber(before) or 0))
end
