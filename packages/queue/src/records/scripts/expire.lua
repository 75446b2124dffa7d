-- Ends a generation whose time to start has passed. ARGV[1] id  ARGV[2] retention in milliseconds
local status, started = unpack(redis.call('HMGET', KEYS[1], 'status', 'startedAt'))
if status == 'queued' and not started then
  end_generation(ARGV[1], 'expired', ARGV[2], {}, '')
  return 'expired'
end
redis.call('ZREM', KEYS[4], ARGV[1])
return 'kept'
