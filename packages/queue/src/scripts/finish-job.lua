--- @include "next-job"
-- Takes a job off its lane in the script of the write that ends its work, and gives its worker the next one. BullMQ (6.7) does the same when
-- a job is completed. This leaves out what jobs of lanes do not have (parents, deduplication, logs, metrics) and the events that nothing
-- reads.

-- `worker` is as in next-job.lua. `fetches`: '1' where the worker takes another job.
-- Answers { 'lost' } where the lock of the job is not the worker's any more, and leaves the job; { 'fault', why } where a key of the lane is
-- damaged; or { 'finished', what `next_job` answers, or nothing }. It never throws: what was written before must count.
local function finish_job(lane, id, worker, fetches)
  local job = lane .. id
  local done, answer = pcall(function()
    if redis.call('GET', job .. ':lock') ~= worker[1] or redis.call('LREM', lane .. 'active', -1, id) == 0 then return 'lost' end
    redis.call('DEL', job, job .. ':lock')
    redis.call('SREM', lane .. 'stalled', id)
    return 'finished'
  end)
  if not done then return { 'fault', tostring(type(answer) == 'table' and answer.err or answer) } end
  if answer == 'lost' or fetches ~= '1' then return { answer, {} } end
  local found, next = pcall(next_job, lane, worker)
  -- The worker asks again, and reports why there is none.
  return { 'finished', found and next or {} }
end
