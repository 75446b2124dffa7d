-- Renews the locks that a worker holds on jobs of a lane. It takes a lock that has run out again while the job is on the active list: then
-- no stalled check has moved the job, and no other worker can have begun it.
--   KEYS[1] the lane's active jobs  KEYS[2] the jobs that BullMQ's next check takes for stalled
--   ARGV[1] what the name of a job's lock begins with  ARGV[2] milliseconds a lock lasts  ARGV[3…] job, token, …
-- Answers the tokens whose jobs now belong to another run.
local lost = {}
for at = 3, #ARGV, 2 do
  local job, token = ARGV[at], ARGV[at + 1]
  local lock = ARGV[1] .. job .. ':lock'
  local holder = redis.call('GET', lock)
  if holder == token or (not holder and redis.call('LPOS', KEYS[1], job)) then
    redis.call('SET', lock, token, 'PX', ARGV[2])
    redis.call('SREM', KEYS[2], job)
  else
    lost[#lost + 1] = token
  end
end
return lost
