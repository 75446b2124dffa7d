-- Gives back the jobs that a worker was given without hearing of it: Redis carried a call out, the answer was lost with the connection, and the
-- same call, sent again, answered another job or none. No other worker takes such a job before its lock has run out.
--   KEYS[1] begins the names of what BullMQ (6.7) keeps of the lane
--   ARGV[1] token of the call  ARGV[2] the job that its answer brought, or ''
-- Answers how many jobs are given back. They come before all others, as those of a worker that fell silent do.
local lane, given = KEYS[1], 0
for _, id in ipairs(redis.call('LRANGE', lane .. 'active', 0, -1)) do
  local lock = lane .. id .. ':lock'
  if id ~= ARGV[2] and redis.call('GET', lock) == ARGV[1] then
    redis.call('DEL', lock)
    redis.call('LREM', lane .. 'active', -1, id)
    redis.call('SREM', lane .. 'stalled', id)
    redis.call('RPUSH', lane .. 'wait', id)
    given = given + 1
  end
end
-- Wakes a worker that waits for a job.
if given > 0 then redis.call('ZADD', lane .. 'marker', 0, '0') end
return given
