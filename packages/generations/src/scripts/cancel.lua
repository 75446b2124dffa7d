--- @include "ending"
-- Cancels a generation that has not ended. Later writes of its worker are refused. Safe to repeat: the same call gets the same answer again.
--   KEYS[9] is no key but the channel on which workers hear of it
--   ARGV[1] id  ARGV[2] retention in milliseconds  ARGV[3] names this call
-- Answers 'gone', 'ended', or the status that it was canceled in: 'queued' or 'running'.
local status, canceled_by, canceled_in = unpack(redis.call('HMGET', KEYS[1], 'status', 'canceledBy', 'canceledIn'))
if not status then return 'gone' end
if canceled_by == ARGV[3] then return canceled_in end
if is_ending(status) then return 'ended' end
end_generation(ARGV[1], 'canceled', ARGV[2], { 'canceledBy', ARGV[3], 'canceledIn', status }, '')
if status == 'running' then redis.call('PUBLISH', KEYS[9], ARGV[1]) end
return status
