-- Asks a process to stop. It reads that with its next heartbeat.
--   KEYS[1] HASH of the process
-- Answers 'ok', or 'gone' where no process of that name is alive.
if redis.call('EXISTS', KEYS[1]) == 0 then return 'gone' end
redis.call('HSET', KEYS[1], 'drain', '1')
return 'ok'
