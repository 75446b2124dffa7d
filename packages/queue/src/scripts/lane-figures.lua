--- @include "@darkroom/redis/scripts/now"
-- Counts the jobs of a lane, finds the one that has waited longest, and tells what its upstream takes. Reads what BullMQ (6.7) keeps under
-- its own names. Reads only.
--   KEYS[1] begins the names of what BullMQ keeps of the lane  KEYS[2] begins the names of records
--   KEYS[3] begins the names of the lane's starts, one for each span of time  KEYS[4] begins those of its refused calls, likewise
--   ARGV[1] of how many jobs at the front of the line the age is read  ARGV[2] length of a span in milliseconds  ARGV[3] how many spans
-- Answers { waiting, active, delayed, milliseconds since the oldest was queued or -1, '1' where the lane is paused or '0', milliseconds for
-- which the lane is closed by a rate limit, '1' where it is slower than usual after that or '0', starts of the whole spans, refused calls of
-- the whole spans and of the current one }.
local lane, time = KEYS[1], now()
-- Jobs of a worker that died wait in the list `wait`, before all others.
local waiting = redis.call('LLEN', lane .. 'wait') + redis.call('ZCARD', lane .. 'prioritized')
local max, paused = unpack(redis.call('HMGET', lane .. 'meta', 'max', 'paused'))
local taken = tonumber(redis.call('GET', lane .. 'limiter')) or 0
local closed = max and taken >= tonumber(max) and redis.call('PTTL', lane .. 'limiter') or 0

-- The front of the line holds the oldest job of every tenant, because a tenant's jobs are in order and tenants are served in turn.
local oldest
local function look_at(ids)
  for _, id in ipairs(ids) do
    -- A record that is damaged must not hide the figures of its lane.
    local times = redis.pcall('HMGET', KEYS[2] .. id, 'createdAt', 'queuedAt')
    local since = not times.err and tonumber(times[2] or times[1])
    if since and (not oldest or since < oldest) then oldest = since end
  end
end
look_at(redis.call('LRANGE', lane .. 'wait', -ARGV[1], -1))
look_at(redis.call('ZRANGE', lane .. 'prioritized', 0, ARGV[1] - 1))
local age = oldest and math.max(time - oldest, 0) or -1

local span = math.floor(time / ARGV[2])
local function count(names, first)
  local sum = 0
  for back = first, tonumber(ARGV[3]) do
    sum = sum + (tonumber(redis.call('GET', names .. string.format('%d', span - back))) or 0)
  end
  return sum
end

-- stylua: ignore
return { waiting, redis.call('LLEN', lane .. 'active'), redis.call('ZCARD', lane .. 'delayed'), age, paused and '1' or '0',
  math.max(closed, 0), max and '1' or '0', count(KEYS[3], 1), count(KEYS[4], 0) }
