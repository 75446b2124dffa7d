-- Queues a failed, canceled or expired generation once more, under its own id.
--   ARGV[1] id  ARGV[2] tenant  ARGV[3] what it asks of its key, see admission.lua  ARGV[4] the worst it can cost, or '-'
-- Answers { 'gone' }, { 'succeeded' }, { 'unended' } or { 'batched' } where there is nothing to retry, { 'refused', … } as `admit` does, or
-- { 'accepted', its new rank, its key's window }.
local status, version, attempts, key, batch =
  unpack(redis.call('HMGET', KEYS[1], 'status', 'version', 'attempts', 'keyId', 'batchId'))
if not status then return { 'gone' } end
if status == 'succeeded' then return { 'succeeded' } end
if not is_ending(status) then return { 'unended' } end
-- How it ended is on its way into the output of its batch.
if batch then return { 'batched' } end
local time = now()
local refused = admit(root, key, ARGV[3], time)
if refused then return refused end
redis.call('HINCRBY', KEYS[5], ARGV[2], 1)
local rank = next_rank(KEYS[8], ARGV[2])
redis.call('HDEL', KEYS[1], 'endedAt', 'startedAt', 'error', 'failures', 'handbacks', 'resumesAt', 'abandoned', 'stopped', 'orphan',
  'expiresAt', 'cost', 'missing')
-- Attempts go on counting: they are the fencing token. Those of before are no crashes of the new life. And whoever retries it by its
-- id comes back for it by its id, so it is kept. Nobody watches one that had ended.
move(ARGV[1], version, nil, { 'status', 'queued', 'rank', rank, 'handbacks', attempts or 0, 'kept', '1', 'reserved', ARGV[4] })
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('ZADD', KEYS[3], time, ARGV[1])
return { 'accepted', rank, told_window(root, key, ARGV[3], time) }
