--- @include "now"
-- Heartbeat of a process.
--   KEYS[1] HASH of the process  KEYS[2] ZSET of the processes by their latest heartbeat  KEYS[3] HASH of the lanes that are drained
--   KEYS[4] HASH lane → 'concurrency serviceMs', the latest that a worker has told
--   ARGV[1] name of the process  ARGV[2] names its run  ARGV[3] milliseconds after which it is missed
--   ARGV[4] number of lanes of which the process tells something new; then for each: lane, concurrency, service time in milliseconds or '-'
--   then field, value, …
-- Answers { 'drain' where the operator has asked the process to stop, else 'stay', the time in milliseconds, the lanes that are drained, … }.
local time = now()
local stamp = string.format('%d', time)
local lanes_end = 4 + 3 * ARGV[4]
local run, asked = unpack(redis.call('HMGET', KEYS[1], 'run', 'drain'))
-- A Redis at its memory limit refuses neither the first write, which adds nothing, nor those that follow it in the same script. An operator
-- looks at the fleet then.
if run == ARGV[2] then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('HSET', KEYS[1], 'seenAt', stamp, unpack(ARGV, lanes_end + 1))
else
  -- A process that was started again under its former name is not asked to stop for what its former run was asked.
  asked = false
  redis.call('DEL', KEYS[1])
  -- Each process that joins clears the list, so that it has no more names than have joined and died since.
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', time - ARGV[3])
  -- After the clock was set back, a process that has died would be first in the list until the clock has caught up.
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. stamp, '+inf')) do
    redis.call('ZADD', KEYS[2], time, name)
  end
  redis.call('HSET', KEYS[1], 'run', ARGV[2], 'since', stamp, 'seenAt', stamp, unpack(ARGV, lanes_end + 1))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
redis.call('ZADD', KEYS[2], time, ARGV[1])
for at = 5, lanes_end, 3 do
  local lane, concurrency, service = unpack(ARGV, at, at + 2)
  -- A worker that has just started does not know yet how long a job takes. A hash that is damaged must not end the heartbeats.
  if service == '-' then
    local known = redis.pcall('HGET', KEYS[4], lane)
    service = type(known) == 'string' and string.match(known, ' (%d+)$') or '-'
  end
  redis.pcall('HSET', KEYS[4], lane, concurrency .. ' ' .. service)
end
return { asked and 'drain' or 'stay', stamp, unpack(redis.call('HKEYS', KEYS[3])) }
