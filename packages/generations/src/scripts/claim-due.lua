--- @include "@darkroom/redis/scripts/now"
--- @include "lane-priority"
-- Claims the due entries of a list for one worker: for a while they are not due for other workers. Entries in another state leave the list.
--   KEYS[1] list, a ZSET of ids by time  KEYS[2] the root of all names
--   ARGV[1] status that the list is of  ARGV[2] milliseconds from its time to when one is due
--   ARGV[3] milliseconds until what is claimed is due again  ARGV[4] the most
--   ARGV[5] milliseconds until an entry is due again whose record cannot be read
-- Answers for each that is claimed: id, lane, priority, number of its latest attempt, number of the attempt whose job was missing at the last
-- look ('' = none was). Of a record that cannot be read: id, '', 0, '', why not.
local before = now() - ARGV[2]
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', before, 'LIMIT', 0, ARGV[4])
local claimed = {}
local function answer(...)
  for _, field in ipairs({ ... }) do
    claimed[#claimed + 1] = field
  end
end
local function claim(id)
  local status, lane, rank, attempts, missing =
    unpack(redis.call('HMGET', KEYS[2] .. 'generation:' .. id, 'status', 'lane', 'rank', 'attempts', 'jobMissing'))
  if status ~= ARGV[1] or not lane then
    redis.call('ZREM', KEYS[1], id)
    return
  end
  local priority = string.format('%d', priority_of(KEYS[2] .. 'ranks:' .. lane, rank))
  redis.call('ZADD', KEYS[1], before + ARGV[3], id)
  answer(id, lane, priority, attempts or '0', missing or '')
end
for _, id in ipairs(due) do
  local is_read, fault = pcall(claim, id)
  if not is_read then
    redis.call('ZADD', KEYS[1], before + ARGV[5], id)
    answer(id, '', '0', '', tostring(fault.err or fault))
  end
end
return claimed
