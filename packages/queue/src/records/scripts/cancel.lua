-- Cancels a generation that has not ended. What a worker still writes of it is void from here on.
--   KEYS[9] is no key but the channel on which workers hear of it
--   ARGV[1] id  ARGV[2] retention in milliseconds
-- Answers 'gone', 'ended', or the status that it was canceled in: 'queued' or 'running'.
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'gone' end
if is_ending(status) then return 'ended' end
end_generation(ARGV[1], 'canceled', ARGV[2], {}, '')
if status == 'running' then redis.call('PUBLISH', KEYS[9], ARGV[1]) end
return status
