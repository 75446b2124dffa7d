-- Shared by every script that can end a generation: the terminal state is set once, and all that the living needed is released.
--   KEYS[1] record  KEYS[2] running  KEYS[3] unlaned  KEYS[4] expiring  KEYS[5] pending of the lane

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function is_ending(status)
  return status ~= 'queued' and status ~= 'running'
end

-- `fields` are further pairs for the record. The waiting API processes are told; the record is what they then read.
local function end_generation(id, status, retention_ms, fields)
  redis.call('HSET', KEYS[1], 'status', status, 'endedAt', now(), unpack(fields))
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZREM', KEYS[4], id)
  local tenant = redis.call('HGET', KEYS[1], 'tenant')
  if redis.call('HINCRBY', KEYS[5], tenant, -1) <= 0 then redis.call('HDEL', KEYS[5], tenant) end
  local waiters = redis.call('HGET', KEYS[1], 'waiters')
  if waiters then
    for channel in string.gmatch(waiters, '%S+') do redis.call('PUBLISH', channel, id) end
    redis.call('HDEL', KEYS[1], 'waiters')
  end
  redis.call('PEXPIRE', KEYS[1], retention_ms)
end
