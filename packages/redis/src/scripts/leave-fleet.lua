-- A process ends. What another run under the same name has written stays.
--   KEYS[1] HASH of the process  KEYS[2] ZSET of the processes by their latest heartbeat
--   ARGV[1] name of the process  ARGV[2] names its run
-- Answers 'ok'.
if redis.call('HGET', KEYS[1], 'run') == ARGV[2] then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return 'ok'
