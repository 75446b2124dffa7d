-- An API process has nobody left who waits. A generation that nobody has begun and no other process waits for is canceled; any other
-- is marked as an orphan, so that its caller's retry finds it. One that its caller comes back for goes on. Safe to repeat.
--   ARGV[1] id  ARGV[2] reply channel  ARGV[3] retention in milliseconds
-- Answers 'canceled' or 'kept'.
local status, attempts, waiters, watchers, kept, abandoned =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'attempts', 'waiters', 'watchers', 'kept', 'abandoned'))
if not status then return 'kept' end
if abandoned then return 'canceled' end

local function without(channels)
  local others = {}
  for channel in string.gmatch(channels or '', '%S+') do
    if channel ~= ARGV[2] then others[#others + 1] = channel end
  end
  return table.concat(others, ' ')
end

local others = without(waiters)
if waiters then redis.call('HSET', KEYS[1], 'waiters', others) end
if watchers then redis.call('HSET', KEYS[1], 'watchers', without(watchers)) end
if others ~= '' or kept then return 'kept' end
if status == 'queued' and not attempts then
  end_generation(ARGV[1], 'canceled', ARGV[3], { 'abandoned', '1' }, '')
  return 'canceled'
end
redis.call('HSET', KEYS[1], 'orphan', '1')
return 'kept'
