--- @include "@darkroom/redis/scripts/now"
--- @include "lane-priority"
-- Claims the due entries of a list for one worker: for a while they are not due for other workers. Entries in another state leave the list.
--   KEYS[1] list, a ZSET of ids by time  KEYS[2] the root of all names
--   ARGV[1] status that the list is of  ARGV[2] milliseconds from its time to when one is due
--   ARGV[3] milliseconds until what is claimed is due again  ARGV[4] the most
--   ARGV[5] milliseconds that nothing is due later than
-- Answers how many were due, then for each that is claimed: id, lane, priority, number of its latest attempt, number of the attempt whose job
-- was missing at the last look ('' = none was).
local time = now()
local before = time - ARGV[2]
-- An entry that is due later than that was written before the clock was set back.
local ahead = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%d', time + ARGV[5]), '+inf', 'LIMIT', 0, ARGV[4])
for _, id in ipairs(ahead) do
  redis.call('ZADD', KEYS[1], before, id)
end
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', before, 'LIMIT', 0, ARGV[4])
local claimed = { #due }
for _, id in ipairs(due) do
  local status, lane, rank, attempts, missing =
    unpack(redis.call('HMGET', KEYS[2] .. 'generation:' .. id, 'status', 'lane', 'rank', 'attempts', 'jobMissing'))
  if status == ARGV[1] and lane then
    redis.call('ZADD', KEYS[1], before + ARGV[3], id)
    for _, field in ipairs({ id, lane, string.format('%d', priority_of(KEYS[2] .. 'ranks:' .. lane, rank)), attempts or '0', missing or '' }) do
      claimed[#claimed + 1] = field
    end
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return claimed
