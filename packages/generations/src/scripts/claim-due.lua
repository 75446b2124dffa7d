--- @include "@darkroom/redis/scripts/now"
-- Takes from a list what is to be looked for now, for one worker: for a while it is not due for the others. What is in another state by now
-- leaves the list.
--   KEYS[1] list, a ZSET of ids by time  KEYS[2] the root of all names
--   ARGV[1] status that the list is of  ARGV[2] milliseconds from its time to when one is due
--   ARGV[3] milliseconds until what is claimed is due again  ARGV[4] the most
--   ARGV[5] milliseconds that nothing is due later than
-- Answers how many were due, then for each that is claimed: id, lane, rank, number of its latest attempt, number of the attempt whose job
-- was missing at the last look ('' = none was).
local time = now()
local before = time - ARGV[2]
-- What is due later than that was noted by a clock that has been set back since.
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
    for _, field in ipairs({ id, lane, rank or '1', attempts or '0', missing or '' }) do
      claimed[#claimed + 1] = field
    end
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return claimed
