--- @include "@darkroom/redis/scripts/now"
--- @include "asked"
-- Reads how a deployment stands. Reads only.
--   KEYS[1] its state, see end-call.lua  KEYS[2], KEYS[3] its calls under way, and what it was asked for: see choose-deployment.lua
-- Answers { calls under way, requests of the last minute, images of the last minute, milliseconds for which it is closed, why it was closed
-- or '', failures in a row, calls that it may have at a time while it is tried again or 0, milliseconds that a call takes or 0 }.
local time = now()
local closed_until, noted_at, reason, failures, pace, service =
  unpack(redis.call('HMGET', KEYS[1], 'closedUntil', 'notedAt', 'reason', 'failures', 'pace', 'serviceMs'))
local closed = closed_until and time >= tonumber(noted_at) and math.max(tonumber(closed_until) - time, 0) or 0
local sums = sums_of(read_asked(KEYS[3], math.floor(time / 1000)))
-- stylua: ignore
return { redis.call('ZCOUNT', KEYS[2], string.format('(%d', time), '+inf'), sums[1], sums[2], closed, reason or '', tonumber(failures) or 0,
  tonumber(pace) or 0, tonumber(service) or 0 }
