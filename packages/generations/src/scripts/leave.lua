--- @include "ending"
-- Notes that a caller does not wait for a generation any more. Safe to repeat.
--   ARGV[1] id  ARGV[2] caller, or '' for one that did not wait: it has read how the generation ended
--   ARGV[3] retention in milliseconds  ARGV[4] how it leaves:
--     'answered'  its answer was written, with the ending: no request gets it again without an idempotency key, except an error for
--                 which the provider may charge
--     'accepted'  its answer was written, with the id (202): no request gets it again without an idempotency key, however it ends
--     'cut'       its connection broke: a generation that has not begun, and that no other caller waits for, is canceled
--     'returned'  the same for a request that asked for a new generation, and was told to send the same again: that one finds it
--     'later'     it was told that the generation goes on
-- Answers 'canceled' or 'kept'.
local id, caller, how = ARGV[1], ARGV[2], ARGV[4]
local status, started, kept, abandoned, answered, key, body, claim, may_be_charged =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'startedAt', 'kept', 'abandoned', 'answered', 'keyId', 'body', 'claim', 'mayBeCharged'))
redis.call('SREM', waiters_of(id), caller)
if not status then return 'kept' end
if abandoned then return 'canceled' end

local is_listed = body and not claim
if how == 'answered' or how == 'accepted' then
  if not is_listed then return 'kept' end
  redis.call('HSET', KEYS[1], 'answered', '1')
  -- A worker may have ended it between the 202 and this, and an error that was answered may have been found again.
  if how == 'accepted' or not may_be_charged then redis.call('ZREM', unanswered_of(key, body), id) end
  return 'kept'
end

if how == 'later' then
  redis.call('HSET', KEYS[1], 'kept', '1')
  kept = '1'
end
local is_open = is_listed and not answered
if is_awaited(id, now()) then
  -- A generation has one living caller at most, so the others may be those of a process that was killed a moment ago.
  if is_open then redis.call('DEL', released_of(key, body)) end
  return 'kept'
end
if status == 'queued' and not started and not kept then
  end_generation(id, 'canceled', ARGV[3], { 'abandoned', '1' }, '')
  return 'canceled'
end
if is_open and (status == 'succeeded' or not is_ending(status)) then note_unanswered(key, body, id, how == 'returned' and -1 or 0) end
return 'kept'
