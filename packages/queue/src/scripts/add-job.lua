-- Puts a job on a lane as BullMQ (6.7) does with a priority, in the script of the write that the job belongs to. It leaves out what nothing
-- reads: the events of the queue, and the counter of ids. `lane` begins the names of what BullMQ keeps of the lane, `priority` is within
-- BullMQ's bounds, `time` is in Unix milliseconds. A job that is there already is left as it is.

-- As BullMQ writes the options of `createLanes` (lanes.ts).
local job_options = '{"priority":%d,"jobId":"%s","removeOnComplete":true,"removeOnFail":true,"attempts":0}'

local function add_job(lane, id, priority, time)
  local job = lane .. id
  if redis.call('EXISTS', job) == 1 then return end
  -- stylua: ignore
  redis.call('HSET', job, 'name', 'generate', 'data', 'null', 'opts', string.format(job_options, priority, id), 'timestamp', time,
    'delay', 0, 'priority', priority)
  -- Of equal priorities the earlier job is first.
  local score = priority * 4294967296 + redis.call('INCR', lane .. 'pc') % 4294967296
  redis.call('ZADD', lane .. 'prioritized', score, id)
  local paused, most = unpack(redis.call('HMGET', lane .. 'meta', 'paused', 'concurrency'))
  if paused or (most and redis.call('LLEN', lane .. 'active') >= tonumber(most)) then return end
  -- Wakes a worker that waits for a job.
  redis.call('ZADD', lane .. 'marker', 0, '0')
end
