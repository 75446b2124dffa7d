--- @include "now"
-- Heartbeat of a process.
--   KEYS[1] HASH of the process  KEYS[2] ZSET of the processes by their latest heartbeat  KEYS[3] HASH of the lanes that are drained
--   ARGV[1] name of the process  ARGV[2] names its run  ARGV[3] milliseconds after which it is missed  ARGV[4…] field, value, …
-- Answers { 'drain' where the operator has asked the process to stop, else 'stay', the time in milliseconds, the lanes that are drained, … }.
local time = now()
-- A Redis at its memory limit refuses neither this command nor those that follow it in the same script. An operator looks at the fleet then.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', time - ARGV[3])
-- After the clock was set back, a process that has died would be first in the list until the clock has caught up.
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%d', time), '+inf')) do
  redis.call('ZADD', KEYS[2], time, name)
end
-- A process that was started again under its former name is not asked to stop for what its former run was asked.
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[2] then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'run', ARGV[2], 'seenAt', string.format('%d', time), unpack(ARGV, 4))
redis.call('HSETNX', KEYS[1], 'since', string.format('%d', time))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], time, ARGV[1])
local asked = redis.call('HEXISTS', KEYS[1], 'drain') == 1 and 'drain' or 'stay'
return { asked, string.format('%d', time), unpack(redis.call('HKEYS', KEYS[3])) }
