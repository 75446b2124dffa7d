--- @include "@darkroom/redis/scripts/now"
-- An upstream has accepted a call. After a refusal the pace of its lane doubles, and the limit is removed once the pace is high enough.
--   KEYS[1] HASH, KEYS[2] settings of BullMQ's queue: see lane-refused.lua
--   ARGV[1] milliseconds since the attempt was begun  ARGV[2] the most jobs per step  ARGV[3] '1' where the call has ended
-- Answers 'ok'.
local time = now()
local open_at, noted_at = unpack(redis.call('HMGET', KEYS[1], 'until', 'notedAt'))
local is_set_back = noted_at and time < tonumber(noted_at)
-- An attempt that began before the lane opened tells nothing about the time since. After a clock was set back, it is unknown when it opened.
if open_at and not is_set_back and time - ARGV[1] < tonumber(open_at) then return 'ok' end
if open_at and ARGV[3] == '1' then redis.call('HSET', KEYS[1], 'refusals', 0) end
local max = tonumber(redis.call('HGET', KEYS[2], 'max'))
if not max then return 'ok' end
if max * 2 > tonumber(ARGV[2]) then
  redis.call('HDEL', KEYS[2], 'max', 'duration')
else
  redis.call('HSET', KEYS[2], 'max', max * 2)
end
return 'ok'
