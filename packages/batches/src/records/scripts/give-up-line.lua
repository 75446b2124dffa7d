-- Collects a line of a batch whose record is gone, or damaged, although it has not ended. Otherwise its batch would wait for it for ever.
--   KEYS[1] record of the line  KEYS[2] ended lines of the batch  KEYS[3] lines of the batch with a record  ARGV[1] line
--   ARGV[2] '1' where its record is damaged
-- Answers 'lost', or 'kept' where it has a record, has ended, or was collected.
local id = ARGV[1]
if redis.call('SISMEMBER', KEYS[3], id) == 0 then return 'kept' end
if ARGV[2] ~= '1' and redis.call('EXISTS', KEYS[1]) == 1 then return 'kept' end
if redis.call('LPOS', KEYS[2], id) then return 'kept' end
redis.call('RPUSH', KEYS[2], id)
return 'lost'
