--- @include "now"
--- @include "quarantine"
-- Notes that a loop cannot deal with something, and has it wait: where it is on a list by the time from which on it is due, it is due again
-- after a pause.
--   KEYS[1] the root of all names  KEYS[2…] ZSETs that it is on
--   ARGV[1] kind  ARGV[2] id within the kind  ARGV[3] what is noted, as JSON  ARGV[4] member of the ZSETs
--   ARGV[5] milliseconds of the pause  ARGV[6] the most that the quarantine holds
--   ARGV[7] milliseconds after which something that no loop came upon any more is taken out
-- Answers 1 where it was not in quarantine before, else 0.
local root, time = KEYS[1], now()
local entries, seen = root .. 'quarantine', root .. 'quarantine-seen'
local id = quarantine_id(ARGV[1], ARGV[2])
-- The first write removes something: a Redis at its memory limit refuses neither that nor what follows it in the same script.
redis.call('ZREM', seen, id)
for i = 2, #KEYS do
  redis.call('ZADD', KEYS[i], 'XX', time + ARGV[5], ARGV[4])
end
local before = redis.call('HGET', entries, id)
redis.call('HSET', entries, id, (before and string.match(before, '^%d+') or time) .. ' ' .. ARGV[3])
redis.call('ZADD', seen, time, id)
for _, old in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', time - ARGV[7], 'LIMIT', 0, 100)) do
  leave_quarantine(root, old)
end
local over = redis.call('ZCARD', seen) - ARGV[6]
if over > 0 then
  for _, old in ipairs(redis.call('ZRANGE', seen, 0, over - 1)) do
    leave_quarantine(root, old)
  end
end
return before and 0 or 1
