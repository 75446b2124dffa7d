--- @include "@darkroom/redis/scripts/now"
--- @function move_to_active "bullmq/dist/cjs/scripts/moveToActive-11.js"
-- Gives a worker the next job of a lane by BullMQ's own script. BullMQ does not document where the script is: a version that has it under
-- another name fails when a process begins.

-- What BullMQ (6.7) calls the keys of that script, in their order.
local fetch_keys = { 'wait', 'active', 'prioritized', 'events', 'stalled', 'limiter', 'delayed', 'paused', 'meta', 'pc', 'marker' }

-- `lane` begins the names of what BullMQ keeps of the lane. `worker` is { token of the lock on the next job, milliseconds that a lock lasts,
-- Unix milliseconds by the clock of the worker, how the name of the hash begins that is read with a job, or '' }.
-- A delayed job is due by the clock of Redis: a worker whose clock is wrong gives it out neither early nor late.
-- Answers { fields of the job or 0, its id or 0, milliseconds until the rate limit ends, when the next delayed job is due by the clock of the
-- worker, which waits by it, fields of the hash that was read with the job }.
local function next_job(lane, worker)
  local token, lock_ms, time, beside = unpack(worker)
  local redis_time = now()
  local names = {}
  for at, kind in ipairs(fetch_keys) do
    names[at] = lane .. kind
  end
  local options = cmsgpack.pack({ token = token, lockDuration = tonumber(lock_ms) })
  local found = move_to_active(names, { lane, string.format('%d', redis_time), options })
  if type(found[4]) == 'number' and found[4] > 0 then found[4] = found[4] - redis_time + time end
  if beside ~= '' and type(found[1]) == 'table' then
    -- A key of another type is found when the job is run.
    local fields = redis.pcall('HGETALL', beside .. found[2])
    if not fields.err then found[5] = fields end
  end
  return found
end
