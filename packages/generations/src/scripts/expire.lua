--- @include "ending"
-- Ends a generation that has not begun before its deadline. The script checks the deadline, because the list may be older than a retry by
-- its owner.
--   ARGV[1] id  ARGV[2] retention in milliseconds
-- Answers 'expired', also where it was before, or 'kept'.
local status, started, expires = unpack(redis.call('HMGET', KEYS[1], 'status', 'startedAt', 'expiresAt'))
if status == 'expired' then return 'expired' end
if status ~= 'queued' or started or not expires then
  -- It has no deadline any more.
  redis.call('ZREM', KEYS[4], ARGV[1])
  return 'kept'
end
if now() < tonumber(expires) then return 'kept' end
end_generation(ARGV[1], 'expired', ARGV[2], {}, '')
return 'expired'
