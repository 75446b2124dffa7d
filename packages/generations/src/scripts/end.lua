--- @include "ending"
--- @include "supersede"
-- Ends a generation with the outcome of its attempt. Only the latest attempt may, and only once. A repeated call gets the same answer again.
--   ARGV[1] id  ARGV[2] fencing token  ARGV[3] status  ARGV[4] retention in milliseconds  ARGV[5] bill, see ledger.lua
--   ARGV[6…] field, value, …
-- Answers 'ok', 'gone' where there is no record, 'fenced' where the attempt may not write any more, or 'ended' where another ending came first.
local status, attempts = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts'))
if not status then return 'gone' end
if attempts ~= ARGV[2] then return 'fenced' end
-- Only an attempt ends a generation as succeeded or failed.
if status == ARGV[3] then return 'ok' end
if is_ending(status) then return 'ended' end
-- It was canceled during the attempt and queued again. Only an attempt of the new life may end it.
if status ~= 'running' then return 'fenced' end
for at = 6, #ARGV, 2 do
  if ARGV[at] == 'delivery' then supersede(ARGV[at + 1]) end
end
end_generation(ARGV[1], ARGV[3], ARGV[4], { unpack(ARGV, 6) }, ARGV[5])
return 'ok'
