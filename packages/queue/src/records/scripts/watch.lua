-- Adds a reply channel to those that hear of every change, or takes it off.
--   KEYS[1] record  ARGV[1] reply channel  ARGV[2] 'watchers' or 'waiters'  ARGV[3] 'add' or 'remove'
local status, channels = unpack(redis.call('HMGET', KEYS[1], 'status', ARGV[2]))
if not status then return 'gone' end
local others = {}
for channel in string.gmatch(channels or '', '%S+') do
  if channel ~= ARGV[1] then others[#others + 1] = channel end
end
if ARGV[3] == 'add' and (status == 'queued' or status == 'running') then others[#others + 1] = ARGV[1] end
redis.call('HSET', KEYS[1], ARGV[2], table.concat(others, ' '))
return 'ok'
