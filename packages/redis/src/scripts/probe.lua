-- Writes what the scripts that submit, work off lanes and settle write, in every kind of value, and takes it away again.
--   KEYS[1] a key beside the records  KEYS[2] a key beside the lanes  ARGV[1] a channel
-- Answers 1.
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
