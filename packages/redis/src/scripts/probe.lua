-- Writes what the scripts that submit, work off lanes and settle write, in every kind of value, and takes it away again.
-- KEYS: a name of ours, a name of the lanes. ARGV: a channel of ours.
local own, lane = KEYS[1], KEYS[2]
redis.call('SET', own, '1', 'PX', 1000)
redis.call('UNLINK', own, lane)
redis.call('HSET', own, 'a', '1')
redis.call('PEXPIRE', own, 1000)
redis.call('HINCRBY', own, 'a', 1)
redis.call('HDEL', own, 'a')
redis.call('ZADD', lane, 1, 'a')
redis.call('PEXPIRE', lane, 1000)
redis.call('ZREM', lane, 'a')
redis.call('RPUSH', lane, 'a')
redis.call('PEXPIRE', lane, 1000)
redis.call('LREM', lane, 1, 'a')
redis.call('SADD', own, 'a')
redis.call('PEXPIRE', own, 1000)
redis.call('SREM', own, 'a')
redis.call('XADD', lane, 'MAXLEN', '~', 1, '*', 'a', '1')
redis.call('UNLINK', own, lane)
redis.call('PUBLISH', ARGV[1], '')
return 1
