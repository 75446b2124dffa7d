-- Shared by the scripts that move a generation from state to state.
--   KEYS[1] record    KEYS[2] running   KEYS[3] unlaned  KEYS[4] expiring
--   KEYS[5] pending of the lane         KEYS[6] retained KEYS[7] outbox    KEYS[8] ranks of the lane
--   and as the last key the root of all names, for what the API key is charged (packages/accounts/src/scripts)

local root = KEYS[#KEYS]

local function is_ending(status)
  return status ~= 'queued' and status ~= 'running'
end

-- Tells every channel in a list of names with spaces between.
local function tell(channels, message)
  for channel in string.gmatch(channels or '', '%S+') do redis.call('PUBLISH', channel, message) end
end

-- Notes a change of state in the record, and tells those who watch. The version, counted up, is the id of the event that they are
-- shown; `version` and `watchers` are what the record said of them before, `fields` the change itself.
local function move(id, version, watchers, fields)
  redis.call('HSET', KEYS[1], 'version', (tonumber(version) or 0) + 1, unpack(fields))
  tell(watchers, id .. ' changed')
end

-- The terminal state is set once, and all that the living needed is released. `fields` are further pairs for the record, `bill` what it
-- came to ('' = nothing was delivered, see ledger.lua). The account of its key is settled and the ledger written in the same breath. The
-- waiting API processes are told; the record is what they then read.
local function end_generation(id, status, retention_ms, fields, bill)
  local time = now()
  local was, tenant, waiters, watchers, webhook, version, key, model, created, reserved = unpack(redis.call('HMGET', KEYS[1],
    'status', 'tenant', 'waiters', 'watchers', 'webhook', 'version', 'keyId', 'model', 'createdAt', 'reserved'))
  bill = read_bill(bill)
  settle(root, key, was == 'queued', tonumber(reserved) or 0, tonumber(bill.cost) or 0, time)
  enter(root, {
    id = id, version = (tonumber(version) or 0) + 1, status = status,
    tenant = tenant, key = key, model = model, created = created,
  }, bill, time)
  fields[#fields + 1] = 'cost'
  fields[#fields + 1] = bill.cost
  fields[#fields + 1] = 'status'
  fields[#fields + 1] = status
  fields[#fields + 1] = 'endedAt'
  fields[#fields + 1] = time
  move(id, version, watchers, fields)
  if was == 'running' then
    -- Its start took it off the other two.
    redis.call('ZREM', KEYS[2], id)
  else
    redis.call('ZREM', KEYS[3], id)
    redis.call('ZREM', KEYS[4], id)
  end
  redis.call('ZADD', KEYS[6], time + retention_ms, id)
  if redis.call('HINCRBY', KEYS[5], tenant, -1) <= 0 then
    redis.call('HDEL', KEYS[5], tenant)
    leave_ranks(KEYS[8], KEYS[5], tenant)
  end
  tell(waiters, id)
  if waiters or watchers then redis.call('HDEL', KEYS[1], 'waiters', 'watchers') end
  if webhook and string.find(webhook, status, 1, true) then
    redis.call('ZADD', KEYS[7], time, id .. ' ' .. (tonumber(version) or 0) + 1 .. ' ' .. status)
  end
end
