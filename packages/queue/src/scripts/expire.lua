-- Ends a generation whose time to start has passed. ARGV[1] id  ARGV[2] retention in milliseconds
local status = redis.call('HGET', KEYS[1], 'status')
if status == 'queued' and redis.call('HEXISTS', KEYS[1], 'startedAt') == 0 then
  end_generation(ARGV[1], 'expired', ARGV[2], {})
  return 'expired'
end
redis.call('ZREM', KEYS[4], ARGV[1])
return 'kept'
