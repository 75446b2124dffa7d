-- Shared by the scripts that move a generation from state to state.
--   KEYS[1] record    KEYS[2] running   KEYS[3] unlaned  KEYS[4] expiring
--   KEYS[5] pending of the lane         KEYS[6] retained KEYS[7] outbox

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function is_ending(status)
  return status ~= 'queued' and status ~= 'running'
end

-- Tells every channel in a list of names with spaces between.
local function tell(channels, message)
  for channel in string.gmatch(channels or '', '%S+') do redis.call('PUBLISH', channel, message) end
end

-- Counts a change of state, and tells those who watch. The version is the id of the event that they are shown.
local function moved(id)
  redis.call('HINCRBY', KEYS[1], 'version', 1)
  tell(redis.call('HGET', KEYS[1], 'watchers'), id .. ' changed')
end

-- The terminal state is set once, and all that the living needed is released. `fields` are further pairs for the record. The waiting
-- API processes are told; the record is what they then read.
local function end_generation(id, status, retention_ms, fields)
  local time = now()
  redis.call('HSET', KEYS[1], 'status', status, 'endedAt', time, unpack(fields))
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZREM', KEYS[4], id)
  redis.call('ZADD', KEYS[6], time + retention_ms, id)
  local tenant, waiters, webhook = unpack(redis.call('HMGET', KEYS[1], 'tenant', 'waiters', 'webhook'))
  if redis.call('HINCRBY', KEYS[5], tenant, -1) <= 0 then redis.call('HDEL', KEYS[5], tenant) end
  moved(id)
  tell(waiters, id)
  redis.call('HDEL', KEYS[1], 'waiters', 'watchers')
  if webhook and string.find(webhook, status, 1, true) then
    redis.call('ZADD', KEYS[7], time, id .. ' ' .. redis.call('HGET', KEYS[1], 'version') .. ' ' .. status)
  end
end
