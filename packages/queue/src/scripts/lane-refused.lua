--- @include "@darkroom/redis/scripts/now"
-- Closes a lane whose upstream has refused a call for its rate limit. BullMQ (6.7) gives out no job of a queue while the counter of the
-- queue's rate limit is at its maximum. This script sets the counter to it for the length of the pause. When the counter has expired,
-- BullMQ counts from zero and gives out `max` jobs in each `duration`: one.
--   KEYS[1] HASH: `until`, when the lane opens; `notedAt`, when that was written; `refusals`, how many pauses have followed on each other
--   KEYS[2] settings of BullMQ's queue  KEYS[3] the counter of its rate limit
--   KEYS[4] begins the names of the lane's refused calls, one for each span of time
--   ARGV[1] milliseconds since the refused attempt was begun  ARGV[2] milliseconds that the upstream asks us to wait, or 0
--   ARGV[3] the first pause  ARGV[4] the longest, both in milliseconds  ARGV[5] share of our own pause that is added
--   ARGV[6] milliseconds in which one job is handed out after the pause  ARGV[7] milliseconds until refusals are forgotten
--   ARGV[8] length of a span in milliseconds  ARGV[9] milliseconds for which refused calls are counted
-- Answers the milliseconds for which the lane is closed.
local time = now()
local open_at, noted_at, refusals = unpack(redis.call('HMGET', KEYS[1], 'until', 'notedAt', 'refusals'))
open_at, refusals = tonumber(open_at) or 0, tonumber(refusals) or 0
-- When the clock was set back since, `until` is too far ahead. At most the whole length of the pause is left.
if noted_at then open_at = math.min(open_at, time + open_at - noted_at) end
-- A call that began before the lane opened belongs to the refusal that closed it: twenty calls that are refused at once count once.
if time - ARGV[1] >= open_at then refusals = refusals + 1 end
local own = math.min(ARGV[3] * 2 ^ (refusals - 1), tonumber(ARGV[4]))
-- Jitter is only added, so that services that share an account return one after the other, and none returns early.
local pause = math.max(own, tonumber(ARGV[2])) + own * ARGV[5]
open_at = math.max(open_at, math.ceil(time + pause))
local closed = open_at - time
redis.call('HSET', KEYS[1], 'until', string.format('%d', open_at), 'notedAt', string.format('%d', time), 'refusals', refusals)
redis.call('PEXPIRE', KEYS[1], string.format('%d', closed + ARGV[7]))
redis.call('HSET', KEYS[2], 'max', 1, 'duration', ARGV[6])
redis.call('SET', KEYS[3], '9007199254740991', 'PX', string.format('%d', closed))
local refused = KEYS[4] .. string.format('%d', math.floor(time / ARGV[8]))
if redis.call('INCR', refused) == 1 then redis.call('PEXPIRE', refused, ARGV[9]) end
return closed
