--- @include "ending"
-- Ends a generation that no worker runs: it has not begun, or waits for another attempt and has no image. A generation with images is kept:
-- they are paid for, and its next attempt delivers them.
--   ARGV[1] id  ARGV[2] retention in milliseconds  ARGV[3] status that it ends as
-- Answers 'ok', also where it has ended so before, 'kept', or 'gone' where it has no record.
local status, delivery = unpack(redis.call('HMGET', KEYS[1], 'status', 'delivery'))
if not status then return 'gone' end
if status == ARGV[3] then return 'ok' end
if status ~= 'queued' then return 'kept' end
-- As JSON.stringify writes a list that is not empty.
if delivery and string.find(delivery, '"images":[{', 1, true) then return 'kept' end
end_generation(ARGV[1], ARGV[3], ARGV[2], {}, '')
return 'ok'
