-- A waiting API process lost its caller. A generation that nobody has begun and nobody else waits for is canceled.
--   ARGV[1] id  ARGV[2] reply channel  ARGV[3] retention in milliseconds
-- Answers 'canceled' or 'kept'.
local status, attempts, waiters = unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts', 'waiters'))
local others = {}
for channel in string.gmatch(waiters or '', '%S+') do
  if channel ~= ARGV[2] then others[#others + 1] = channel end
end
if waiters then redis.call('HSET', KEYS[1], 'waiters', table.concat(others, ' ')) end
if status ~= 'queued' or attempts or #others > 0 then return 'kept' end
end_generation(ARGV[1], 'canceled', ARGV[3], {})
return 'canceled'
