-- Keeps a generation for which no caller waits, because its caller knows the id and comes back.
--   KEYS[1] record
-- Answers 'ok', or 'gone' where there is no record.
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'gone' end
redis.call('HSET', KEYS[1], 'kept', '1')
return 'ok'
